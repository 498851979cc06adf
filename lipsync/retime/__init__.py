"""Which frame of the target every output frame shows.

loops     Orders for a target that is shorter than the speech: forth and back, in a loop, or hel
motion    How much the head moves in every frame of the target
path      The dynamic program that keeps the head at rest in pauses (docs/method.md §6)
plot      A picture of the timing: the speech, how fast the head moves, and which frame is shown
retiming  Options and modes of retiming, and the choice between them
timeline  When the frames of an output are shown, and regular steps in between for what needs th
"""

from __future__ import annotations

from lipsync.retime.motion import (
    Motion,
)
from lipsync.retime.plot import (
    plot_timing,
)
from lipsync.retime.retiming import (
    MIN_PAUSE_S,
    Retimed,
    TimingOptions,
    choose_timing,
    count_output_frames,
    interpolate_repeats,
    keep_timing,
    keeps_order,
)

__all__ = [
    "MIN_PAUSE_S",
    "Motion",
    "Retimed",
    "TimingOptions",
    "interpolate_repeats",
    "keeps_order",
    "count_output_frames",
    "plot_timing",
    "choose_timing",
    "keep_timing",
]
