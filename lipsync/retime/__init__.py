"""Retiming: which frame of the target every output frame shows.

loops     Frame orders for a target shorter than the speech: back and forth, looped, or held
motion    Head motion in every frame of the target
path      Dynamic program for a path on which the head rests in pauses of the speech
plot      Plot of the timing: the speech, the head's speed, and the frame shown
retiming  Options and modes of retiming, and the choice between them
timeline  The output's timeline: its length, frame times and target frames
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
    "choose_timing",
    "count_output_frames",
    "interpolate_repeats",
    "keep_timing",
    "keeps_order",
    "plot_timing",
]
