"""Time and memory.

batches     Batches on one machine, on Ray, and in shards → batches.md
cold        Cold renders of several checkouts, side by side → cold.md
estimates   Dry runs beside the renders after them → estimates.md
inspection  An inspection, stage by stage → inspect_cost.md
live        Frames while sound arrives, and what staying loaded saves → live.md
long_audio  Speech of an hour and more → long_audio.md
previews    How soon the page shows a second of the result → previews.md
speed       Speed and memory of whole renders → speed.md
streaming   Delay, cost and accuracy on live sound → streaming.md
"""
