"""A constant frame rate for a video, and which decoded picture each frame shows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lipsync.types import I64

STANDARD_RATES = tuple(
    Fraction(r)
    for r in (
        *("10", "12", "25/2", "15", "24000/1001", "24", "25", "30000/1001", "30"),
        *("48", "50", "60000/1001", "60", "100", "120000/1001", "120", "240"),
    )
)


def constant_rate(ticks: I64, tick: Fraction, declared: list[Fraction]) -> tuple[Fraction, bool]:
    """The frame rate of these timestamps, and whether it is constant.

    A rate fits if every picture lies within half a frame of its place on the regular grid:
    containers round timestamps (Matroska to 1 ms), cameras jitter. The first declared rate that
    fits as closely as rounding allows is used, else the rate that fits best.

    Args:
        ticks: (n,) ascending timestamps.
        tick: seconds.
        declared: by the container, most reliable first.
    """
    candidates = list(dict.fromkeys(f for f in (*declared, *STANDARD_RATES) if f > 0))
    if len(ticks) < 2:
        return candidates[0], True
    times = (ticks - ticks[0]).astype(np.float64) * float(tick)
    errors = []
    for f in candidates:
        off = times - np.arange(len(times)) / float(f)
        error = float(np.ptp(off))
        if error <= 1.01 * float(tick) + 0.01 / float(f):
            return f, True
        errors.append(error * float(f))
    best = int(np.argmin(errors))
    if errors[best] < 0.5:
        return candidates[best], True
    # Variable: take the median interval, so that most of the motion is kept as it is.
    usual = 1.0 / max(float(np.median(np.diff(times))), 1e-4)
    for f in candidates:
        if abs(float(f) / usual - 1) < 0.01 and 10 <= f <= 240:
            return f, False
    return min(STANDARD_RATES, key=lambda f: abs(np.log(float(f) / usual))), False


def picture_of_frame(ticks: I64, tick: Fraction, end: int, fps: Fraction, constant: bool) -> I64:
    """Index of the decoded picture that each frame at the constant rate shows, (frames,).

    Every picture goes to the nearest frame time; a frame without one repeats the picture before.

    Args:
        ticks: (n,) ascending timestamps.
        tick: seconds.
        end: timestamp at which the last picture ends.
        fps: of the frames.
        constant: the pictures already have the rate `fps`: one frame each.
    """
    if constant:
        return np.arange(len(ticks), dtype=np.int64)
    per_tick = fps * tick
    last = int(ticks[-1] - ticks[0])
    count = max(round(last * per_tick) + 1, round((end - int(ticks[0])) * per_tick), 1)
    # Picture p belongs to frame i at the latest where (ticks[p] - ticks[0])·per_tick < i + 1/2.
    edges = [
        -(-(2 * i + 1) * per_tick.denominator // (2 * per_tick.numerator)) for i in range(count)
    ]
    shown = np.searchsorted(ticks - ticks[0], np.array(edges, dtype=np.int64), side="left") - 1
    return np.maximum(shown, 0).astype(np.int64)
