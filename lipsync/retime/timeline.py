"""The output's timeline: its length, the times of its frames, and the target frames they show.

Lips and speech are computed at a regular rate. If the target's irregular frame times are kept, they
are computed on a finer regular grid and interpolated at each frame's time.
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

FINER = 2  # steps per nominal interval of irregular frames


@dataclass(frozen=True)
class OutputLength:
    """Length of the output; known before any picture of the target is decoded."""

    frames: int
    speech_frames: int  # of the whole speech; more than `frames` if it is cut
    duration: Fraction  # seconds, of the audible speech
    sound: Fraction  # seconds, of the soundtrack

    @staticmethod
    def of(info: VideoInfo, speech: Fraction, options: TimingOptions) -> OutputLength:
        """Length of the output for a target and `speech` seconds of speech."""
        wanted = count_frames(info, speech)
        frames = count_output_frames(wanted, info, options)
        duration = speech if frames == wanted else info.duration
        return OutputLength(frames, wanted, duration, max(duration, min_duration(info, frames)))


@dataclass(frozen=True)
class TargetSpan:
    """How much of a target a render reads, and whether it keeps its order."""

    keeps_order: bool  # the output shows the target's frames one after the other
    seconds: Fraction | None  # to read at most; None: all

    @staticmethod
    def of(
        target: Fraction, speech: Fraction, options: TimingOptions, keeps_time: bool
    ) -> TargetSpan:
        """What a render of `speech` seconds needs of a target of `target` seconds.

        Args:
            keeps_time: the output keeps the target's timeline (spans).
        """
        ordered = keeps_time or keeps_order(target, speech, options)
        ends_with_target = keeps_time or options.timing == "cut"
        return TargetSpan(ordered, None if ends_with_target and speech >= target else speech)


@dataclass(frozen=True, eq=False)
class OutputTimeline:
    """Frames at possibly irregular times over regular steps; n frames, m steps."""

    times: NDArray[np.float64]  # (n,), when each frame is shown, seconds
    order: Positions  # (n,), position in the target of each frame
    rate: Fraction  # steps per second
    steps: Positions  # (m,), position in the target at each step
    speaking: Bools  # (n,), whether there is speech, short pauses filled
    retimed: Retimed  # how the order was chosen

    @staticmethod
    def of(info: VideoInfo, retimed: Retimed, speaking: Bools) -> OutputTimeline:
        """Timeline of an output that shows a target's frames in the chosen order."""
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
        """Whether every step is a frame."""
        return self.steps is self.order

    @property
    def end(self) -> float:
        """When the last frame ends, seconds."""
        usual = 1 / float(self.rate if self.regular else self.rate / FINER)
        return float(self.times[-1]) + usual

    @property
    def mean_rate(self) -> float:
        """Mean frames per second."""
        return len(self.times) / self.end

    def sample(self, values: F32) -> F32:
        """Interpolate values of the steps (m, ...) linearly at the frames' times, (n, ...)."""
        if self.regular:
            return values
        return interpolate_rows(values, self.times * float(self.rate))

    def sample_lips(self, lips: LipTrack, fps: Fraction) -> LipTrack:
        """Interpolate lips of the steps at the frames' times."""
        return lips if self.regular else LipTrack(self.sample(lips.points), fps)
