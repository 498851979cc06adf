"""Which frame of the target every output frame shows.

loops     Orders for a target that is shorter than the speech: forth and back, in a loop, or hel
motion    How much the head moves in every frame of the target
path      The path through the target on which the head rests while the speech pauses (METHOD.md
plot      A picture of the timing: the speech, how fast the head moves, and which frame is shown
retiming  Options and modes of retiming, and the choice between them
timeline  When the frames of an output are shown, and regular steps in between for what needs th
"""

from __future__ import annotations

from lipsync.retime.motion import (
    Motion,
)
from lipsync.retime.plot import (
    picture,
)
from lipsync.retime.retiming import (
    FILLED_S,
    Retimed,
    TimingOptions,
    halfway,
    in_order,
    output_frames,
    retime,
    unchanged,
)

__all__ = [
    "FILLED_S",
    "Motion",
    "Retimed",
    "TimingOptions",
    "halfway",
    "in_order",
    "output_frames",
    "picture",
    "retime",
    "unchanged",
]
