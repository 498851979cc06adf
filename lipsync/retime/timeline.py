"""The output's time line: how long it is, when its frames are shown, what of the target they show.

Lips and speech are computed at a regular rate. Where the target's own irregular frame times are
kept, that rate is a grid of its own, from which every frame takes the values due at its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsync.media.frame_times import (
    count_frames,
    display_times,
    interpolate_rows,
    min_duration,
)
from lipsync.retime.retiming import Retimed, TimingOptions, count_output_frames, keeps_order
from lipsync.types import F32, Bools, LipTrack, Positions, VideoInfo

FINER = 2  # steps per usual interval of irregular frames


@dataclass(frozen=True)
class OutputLength:
    """How long the output is; known before any picture of the target is decoded."""

    frames: int
    speech_frames: int  # that the whole speech would take; more than `frames` if it is cut
    duration: Fraction  # seconds, of the speech that is heard
    sound: Fraction  # seconds, of the sound that goes with the frames

    @staticmethod
    def of(info: VideoInfo, speech: Fraction, options: TimingOptions) -> OutputLength:
        """The output of a target and `speech` seconds of speech."""
        wanted = count_frames(info, speech)
        frames = count_output_frames(wanted, info, options)
        duration = speech if frames == wanted else info.duration
        return OutputLength(frames, wanted, duration, max(duration, min_duration(info, frames)))


@dataclass(frozen=True)
class TargetSpan:
    """How much of a target a render reads, and whether in its own order."""

    keeps_order: bool  # the output shows the target's frames one after the other
    seconds: Fraction | None  # that are read at most; None: all

    @staticmethod
    def of(
        target: Fraction, speech: Fraction, options: TimingOptions, keeps_time: bool
    ) -> TargetSpan:
        """What a render of `speech` seconds needs of a target of `target` seconds.

        Args:
            keeps_time: the output keeps the target's time line (spans).
        """
        ordered = keeps_time or keeps_order(target, speech, options)
        ends_with_target = keeps_time or options.timing == "cut"
        return TargetSpan(ordered, None if ends_with_target and speech >= target else speech)


@dataclass(frozen=True, eq=False)
class OutputTimeline:
    """Frames at times that may be irregular, over regular steps; n frames, m steps."""

    times: NDArray[np.float64]  # (n,) when each frame is shown, seconds
    order: Positions  # (n,) in the target, what each shows
    rate: Fraction  # of the steps
    steps: Positions  # (m,) in the target, what is shown at each step
    speaking: Bools  # (n,) whether anybody speaks, short pauses filled
    retimed: Retimed  # how the order was chosen

    @staticmethod
    def of(info: VideoInfo, retimed: Retimed, speaking: Bools) -> OutputTimeline:
        """The time line of a target whose frames are shown in the chosen order."""
        order = retimed.timing.position
        when = display_times(info, len(order))
        if info.stamps is None:
            return OutputTimeline(when, order, info.fps, order, speaking, retimed)
        rate = FINER * info.fps
        regular = np.arange(int(when[-1] * float(rate)) + 2) / float(rate)
        shown = np.searchsorted(when, regular + 1e-9, side="right") - 1
        steps = order[np.maximum(shown, 0)]
        return OutputTimeline(when, order, rate, steps, speaking, retimed)

    def __len__(self) -> int:
        return len(self.times)

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

    def sample(self, values: F32) -> F32:
        """Values (m, ...) of the steps at the time of every frame, linearly, (n, ...)."""
        if self.regular:
            return values
        return interpolate_rows(values, self.times * float(self.rate))

    def sample_lips(self, lips: LipTrack, fps: Fraction) -> LipTrack:
        """Lips of the steps at the time of every frame."""
        return lips if self.regular else LipTrack(self.sample(lips.points), fps)
