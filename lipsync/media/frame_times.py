"""When the frames of a video are shown, and values resampled to regular steps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsync.runtime.positions import sample_at
from lipsync.types import F32, LipTrack, VideoInfo


def frame_count(info: VideoInfo, duration: Fraction) -> int:
    """Frames of `duration` seconds at the times of `info`, beyond its end at its usual rate."""
    if info.stamps is None:
        return max(1, round(duration * info.fps))
    beyond = max(0, round((duration - info.duration) * info.fps))
    return max(1, sum(stamp < duration for stamp in info.stamps) + beyond)


def least_duration(info: VideoInfo, count: int) -> Fraction:
    """Seconds without which the first `count` frames cannot all be shown."""
    return count / info.fps if info.stamps is None else info.stamps[count - 1]


def times(info: VideoInfo, count: int) -> NDArray[np.float64]:
    """When the first `count` frames are shown, (count,), seconds."""
    if info.stamps is None:
        return np.arange(count) / float(info.fps)
    return np.array([float(stamp) for stamp in info.stamps[:count]])


def regular(lips: LipTrack, info: VideoInfo) -> LipTrack:
    """Lips of a video's frames at regular steps of its usual rate."""
    if info.stamps is None:
        return lips
    shown = times(info, len(lips))
    steps = np.arange(int(shown[-1] * float(info.fps)) + 1) / float(info.fps)
    places = np.interp(steps, shown, np.arange(len(shown)))
    return LipTrack(read_between(lips.points, places), info.fps)


def read_between(values: F32, places: NDArray[np.float64]) -> F32:
    """Values (m, ...) at places between them; the ends are held."""
    return np.asarray(sample_at(values, np.clip(places, 0, len(values) - 1)), np.float32)
