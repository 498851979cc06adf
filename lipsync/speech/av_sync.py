"""Whether lips and sound belong together, and the lag between them.

Symbols: n frames. An opening is the inner-lip gap over time, (n,); NaN where the lips are unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.types import F32, Bools

Series = NDArray[np.floating]

# Correlation of the opening predicted from the sound with the opening seen, slow changes removed,
# during speech, at the best lag. Matching sound: 0.61 to 0.91 on five people and the sample. Other
# people's sound: at most 0.31 with 10 s of speech, even for sentences of the same rhythm.
LEAST_R = 0.45
LAG_LEAST_S = 0.03  # smaller lags are the model's own: up to 21 ms on people in sync
LAG_MOST_S = 0.22  # ± 200 ms is corrected; the estimate is accurate to 20 ms
SEARCH_S = 0.4  # lags searched, both ways
SLOW_S = 0.5  # σ: slower changes are how a person holds the mouth, not what is said
SEGMENT_S = 2.0  # of speech, scored by itself


@dataclass(frozen=True)
class SyncFit:
    """How well the lips predicted from a sound fit the lips seen."""

    r: float  # correlation at the best lag; NaN where nothing varies
    lag_s: float  # positive: the sound is late
    segments: F32  # correlation of every SEGMENT_S of speech at that lag


def correlation(a: Series, b: Series) -> float:
    """Pearson's r of two series; NaN if either is constant."""
    if not len(a):
        return float("nan")
    x, y = a.astype(np.float64), b.astype(np.float64)
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 1e-9 else float("nan")


def best_lag(
    true: Sequence[Series], predicted: Sequence[Series], rate: float, reach_s: float
) -> tuple[float, float]:
    """The delay (s) of the predicted openings at which they correlate best, and that r.

    Interpolated between frames by a parabola through the best three. NaN where some lag has no r.
    """
    reach = round(reach_s * rate)
    scores = np.array([_correlation_at(true, predicted, lag) for lag in range(-reach, reach + 1)])
    if not np.isfinite(scores).all():
        return float("nan"), float("nan")
    best = int(np.argmax(scores))
    shift = 0.0
    if 0 < best < len(scores) - 1:
        left, middle, right = scores[best - 1 : best + 2]
        bend = left - 2 * middle + right
        shift = float(0.5 * (left - right) / bend) if bend < 0 else 0.0
    return (best - reach + shift) / rate, float(scores[best])


def _correlation_at(true: Sequence[Series], predicted: Sequence[Series], lag: int) -> float:
    """r of all pairs joined, with the predictions `lag` frames late."""
    a, b = [], []
    for t, p in zip(true, predicted, strict=True):
        n = len(t)
        a.append(t[max(0, -lag) : max(0, n - max(0, lag))])
        b.append(p[max(0, lag) : max(0, n - max(0, -lag))])
    x, y = np.concatenate(a), np.concatenate(b)
    known = np.isfinite(x)
    return correlation(x[known], y[known])


def measure_sync(seen: F32, predicted: F32, rate: float, speaking: Bools) -> SyncFit:
    """Compare seen and predicted openings (n,) during speech where the lips are known.

    Slow changes are removed first: they correlate between any two people who speak at once.

    Args:
        rate: frames per second.
        speaking: (n,), where there is speech.
    """
    known = np.isfinite(seen)
    where = known & speaking
    if not where.any():
        return SyncFit(float("nan"), 0.0, np.zeros(0, np.float32))
    at = np.arange(len(seen))
    filled = np.interp(at, at[known], seen[known])
    fast_seen, fast_predicted = _remove_drift(filled, rate), _remove_drift(predicted, rate)
    masked = np.where(where, fast_seen, np.nan)
    lag_s, r = best_lag([masked], [fast_predicted], rate, SEARCH_S)
    if not np.isfinite(r):
        return SyncFit(r, 0.0, np.zeros(0, np.float32))
    shifted = np.interp(at + lag_s * rate, at, fast_predicted)
    frames = np.flatnonzero(where)
    count = max(1, int(len(frames) / rate / SEGMENT_S))
    segments = np.array_split(frames, count)
    each = [correlation(fast_seen[part], shifted[part]) for part in segments]
    return SyncFit(r, lag_s, np.nan_to_num(np.array(each, np.float32)))


def _remove_drift(series: Series, rate: float) -> NDArray[np.float64]:
    """High-pass: the series less its Gaussian mean of SLOW_S."""
    from scipy.ndimage import gaussian_filter1d

    series = series.astype(np.float64)
    return np.asarray(series - gaussian_filter1d(series, SLOW_S * rate))
