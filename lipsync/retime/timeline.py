"""When the frames of an output are shown, and regular steps in between for what needs them.

Lips and voice are worked out at a regular rate. Where the target's own irregular times are kept,
that is a grid of its own, from which every frame takes what is due at its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsync.media.frame_times import read_between, times
from lipsync.types import F32, LipTrack, Positions, VideoInfo

FINER = 2  # steps per usual interval of irregular frames


@dataclass(frozen=True, eq=False)
class Pace:
    """Frames at times that may be irregular, over regular steps."""

    times: NDArray[np.float64]  # (n,) when each frame is shown, seconds
    order: Positions  # (n,) in the target, what each shows
    rate: Fraction  # of the steps
    steps: Positions  # (m,) in the target, what is shown at each step

    @staticmethod
    def of(info: VideoInfo, order: Positions) -> Pace:
        """`order`: what of the target every frame of the output shows, frames."""
        when = times(info, len(order))
        if info.stamps is None:
            return Pace(when, order, info.fps, order)
        rate = FINER * info.fps
        regular = np.arange(int(when[-1] * float(rate)) + 2) / float(rate)
        shown = np.searchsorted(when, regular + 1e-9, side="right") - 1
        return Pace(when, order, rate, order[np.maximum(shown, 0)])

    @property
    def regular(self) -> bool:
        """Every step is a frame."""
        return self.steps is self.order

    @property
    def end(self) -> float:
        """When the last frame has been shown, seconds."""
        usual = 1 / float(self.rate if self.regular else self.rate / FINER)
        return float(self.times[-1]) + usual

    @property
    def mean_rate(self) -> float:
        """Frames per second over the whole."""
        return len(self.times) / self.end

    def sampled(self, values: F32) -> F32:
        """Values (m, ...) of the steps at the time of every frame, linearly, (n, ...)."""
        if self.regular:
            return values
        return read_between(values, self.times * float(self.rate))

    def track(self, lips: LipTrack, fps: Fraction) -> LipTrack:
        """Lips of the steps at the time of every frame."""
        return lips if self.regular else LipTrack(self.sampled(lips.points), fps)
