"""Display times of frames, and values resampled to regular steps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsync.runtime.positions import sample_at
from lipsync.types import F32, LipTrack, VideoInfo


def count_frames(info: VideoInfo, duration: Fraction) -> int:
    """Number of frames in `duration` seconds at the times of `info`; past its end, at its rate."""
    if info.stamps is None:
        return max(1, round(duration * info.fps))
    beyond = max(0, round((duration - info.duration) * info.fps))
    return max(1, sum(stamp < duration for stamp in info.stamps) + beyond)


def min_duration(info: VideoInfo, count: int) -> Fraction:
    """Seconds needed to show the first `count` frames."""
    return count / info.fps if info.stamps is None else info.stamps[count - 1]


def display_times(info: VideoInfo, count: int) -> NDArray[np.float64]:
    """Display times of the first `count` frames, (count,), seconds."""
    if info.stamps is None:
        return np.arange(count) / float(info.fps)
    return np.array([float(stamp) for stamp in info.stamps[:count]])


def resample_regularly(lips: LipTrack, info: VideoInfo) -> LipTrack:
    """Lips of a video's frames, resampled to regular steps of its nominal rate."""
    if info.stamps is None:
        return lips
    shown = display_times(info, len(lips))
    steps = np.arange(int(shown[-1] * float(info.fps)) + 1) / float(info.fps)
    rows = np.interp(steps, shown, np.arange(len(shown)))
    return LipTrack(interpolate_rows(lips.points, rows), info.fps)


def interpolate_rows(values: F32, rows: NDArray[np.float64]) -> F32:
    """Values (m, ...) interpolated at fractional rows; clamped at the ends."""
    return np.asarray(sample_at(values, np.clip(rows, 0, len(values) - 1)), np.float32)
