"""Lips with the person's own range while the sound arrives: the causal form of `articulate`.

Each frame is treated as `articulate` would treat it if the sound were the WINDOW_S of speech before
it; where little was spoken, usual values count instead. Fast motion is not amplified: the
zero-phase filter for that looks ahead, which live would be delay.

Symbols: k frames of speech.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsync.speech.articulation import (
    USUAL_RANGE,
    ArticulationOptions,
    GapRange,
    inner_gap,
    shift_to_mean,
)
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, N_LIPS, LipTrack

WINDOW_S = 20.0  # of speech, which is measured
# The mouth speaks where its gap varies by MOVING of the usual range both within MOTION_S before and
# within MOTION_S after. There is no voice activity live, and all frames cannot count: a silence
# would fill the window, its lips would be the percentile that stands for the shut mouth, and p, b
# and m after it would stay open. Motion on both sides leaves out the ends of pauses, too; that it
# is known late delays the statistics, not the lips.
MOTION_S, MOVING = 0.3, 0.16
# How far each lip point moves down per gap, before it was seen: the mean slope of what `stream`
# predicts for eleven people's speech. The upper lip moves, too: a lower lip that moves alone would
# not do. It counts as much as SLOPE_PRIOR_S seconds of speech of usual range.
OPENING = (
    0.09, -0.11, -0.22, -0.25, -0.22, -0.11, 0.09, 0.37, 0.51, 0.53, 0.51, 0.37,
    -0.39, -0.41, -0.39, 0.58, 0.59, 0.58,
)  # fmt: skip
SLOPE_PRIOR_S = 0.3
DEVIATIONS = 3.3  # standard deviations between the 5th and the 95th percentile of a normal variable
# Of speech, after which it is measured again, for speed.
REFRESH_S = 0.2


@dataclass(frozen=True, eq=False)
class _Change:
    """What brings predicted lips to the person's range."""

    range: GapRange
    slope: F32  # (18, 2)
    shift: F32  # (18, 2), of all lips

    @staticmethod
    def of(spoken: LipTrack, profile: LipProfile) -> _Change:
        """Measure predicted lips (k) in speech; the smaller k is, the more the usual counts."""
        slope = _measure_slope(spoken, profile)
        # `articulate` shifts lips that are in range. What brings them there is motion along the
        # slope, which the shift disregards: it is the same for lips as predicted.
        shift = shift_to_mean(spoken.points, float(spoken.rate), slope, profile)
        return _Change(GapRange.of(spoken.opening, spoken.rate, profile), slope, shift)

    def apply(self, shape: F32, gap: float) -> F32:
        """One shape (18, 2) of this gap in the person's range."""
        wanted = self.range.apply(np.array([gap], np.float32))[0]
        return np.asarray(shape + np.float32(wanted - gap) * self.slope + self.shift, np.float32)


class LiveArticulation:
    """Brings predicted lips to a person's range, frame by frame and without delay.

    All pieces together equal what one push of the whole gives, however the lips are cut.
    """

    def __init__(
        self, profile: LipProfile, rate: Fraction, options: ArticulationOptions | None = None
    ) -> None:
        """`profile`: the one the lips are predicted for; `rate`: frames per second."""
        self.profile, self.rate = profile, rate
        self.strength = (options or ArticulationOptions()).articulation
        self._reach = max(1, round(MOTION_S * rate))
        self._every = max(1, round(REFRESH_S * rate))
        self._least_motion = MOVING * USUAL_RANGE * profile.width
        recent = 2 * self._reach + 1
        self._gaps: deque[float] = deque(maxlen=recent)
        self._shapes: deque[F32] = deque(maxlen=recent)
        # A ring of the latest frames of speech: statistics do not depend on their order.
        self._spoken = np.zeros((max(1, round(WINDOW_S * rate)), N_LIPS, 2), np.float32)
        self._count = 0  # of frames of speech so far
        self._change = _Change.of(self._window(), profile)

    def push(self, lips: LipTrack) -> LipTrack:
        """Articulate the next frames (n), predicted for this profile; no NaN.

        Returns:
            As many frames.

        Raises:
            ValueError: the lips have another rate.
        """
        if lips.rate != self.rate:
            raise ValueError(f"LiveArticulation: wanted {self.rate} fps, got {lips.rate}")
        if not len(lips) or not self.strength:
            return lips
        clear = np.empty_like(lips.points)
        for i, shape in enumerate(lips.points):
            gap = inner_gap(shape)
            self._remember(shape, gap)
            clear[i] = self._change.apply(shape, gap)
        points = lips.points + np.float32(self.strength) * (clear - lips.points)
        return LipTrack(np.asarray(points, np.float32), lips.rate)

    def _remember(self, shape: F32, gap: float) -> None:
        """Add a shape (18, 2); the one MOTION_S ago is kept if the mouth spoke then."""
        self._gaps.append(gap)
        self._shapes.append(shape.copy())  # not the whole piece, which may be the caller's buffer
        if len(self._gaps) < 2 * self._reach + 1:
            return
        gaps = list(self._gaps)
        before, after = gaps[: self._reach + 1], gaps[self._reach :]
        if min(max(before) - min(before), max(after) - min(after)) <= self._least_motion:
            return
        self._spoken[self._count % len(self._spoken)] = self._shapes[self._reach]
        self._count += 1
        if self._count % self._every == 0:
            self._change = _Change.of(self._window(), self.profile)

    def _window(self) -> LipTrack:
        """The frames of speech that are measured."""
        return LipTrack(self._spoken[: min(self._count, len(self._spoken))], self.rate)


def _measure_slope(spoken: LipTrack, profile: LipProfile) -> F32:
    """The slope (18, 2) of the shape over the gap in predicted lips (k), at first OPENING."""
    opening = np.stack([np.zeros(N_LIPS), OPENING], axis=-1)
    if not len(spoken):
        return np.asarray(opening, np.float32)
    usual = USUAL_RANGE * profile.width / DEVIATIONS
    prior = SLOPE_PRIOR_S * float(spoken.rate) * usual**2
    gaps = spoken.opening
    centered = gaps - gaps.mean()
    summed = np.tensordot(centered, spoken.points, axes=1) + prior * opening
    return np.asarray(summed / (float((centered**2).sum()) + prior), np.float32)
