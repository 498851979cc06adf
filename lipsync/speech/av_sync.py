"""Do lips and sound belong together, and how far apart are they?

Symbols: n frames. An opening is the gap of the inner lips over time, (n,); NaN where the lips are
not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.types import F32, Bools

Series = NDArray[np.floating]

# The opening that the sound asks for against the opening that is seen, slow changes removed, where
# somebody speaks, at the best lag. Right sound: 0.61 to 0.91 on five people and the sample. Sound
# of others: at most 0.31 where there are 10 s of speech, even in sentences of the same rhythm.
LEAST_R = 0.45
LAG_LEAST_S = 0.03  # below this it is the model's own: up to 21 ms on people in sync
LAG_MOST_S = 0.22  # ± 200 ms is corrected; the measure is right to 20 ms
SEARCH_S = 0.4  # sound is looked for so far before and after the lips
SLOW_S = 0.5  # σ: slower changes than this are how somebody holds their mouth, not what they say
STRETCH_S = 2.0  # of speech, looked at by itself


@dataclass(frozen=True)
class Fit:
    """How well the lips that a sound asks for fit the lips that are seen."""

    r: float  # correlation at the best lag; NaN where nothing varies
    lag_s: float  # positive: the sound comes late
    stretches: F32  # correlation of every stretch of speech at that lag


def correlation(a: Series, b: Series) -> float:
    """Pearson's r of two series; NaN where one of them does not vary."""
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

    Read between frames by a parabola through the best three. NaN where some lag has no r.
    """
    reach = round(reach_s * rate)
    scores = np.array([_at_lag(true, predicted, lag) for lag in range(-reach, reach + 1)])
    if not np.isfinite(scores).all():
        return float("nan"), float("nan")
    best = int(np.argmax(scores))
    shift = 0.0
    if 0 < best < len(scores) - 1:
        left, middle, right = scores[best - 1 : best + 2]
        bend = left - 2 * middle + right
        shift = float(0.5 * (left - right) / bend) if bend < 0 else 0.0
    return (best - reach + shift) / rate, float(scores[best])


def _at_lag(true: Sequence[Series], predicted: Sequence[Series], lag: int) -> float:
    a, b = [], []
    for t, p in zip(true, predicted, strict=True):
        n = len(t)
        a.append(t[max(0, -lag) : max(0, n - max(0, lag))])
        b.append(p[max(0, lag) : max(0, n - max(0, -lag))])
    x, y = np.concatenate(a), np.concatenate(b)
    known = np.isfinite(x)
    return correlation(x[known], y[known])


def fit(seen: F32, predicted: F32, rate: float, speaking: Bools) -> Fit:
    """Compare seen and predicted openings where somebody speaks and the lips are known.

    Slow changes go first: they correlate between any two people who speak at the same time.
    """
    known = np.isfinite(seen)
    where = known & speaking
    if not where.any():
        return Fit(float("nan"), 0.0, np.zeros(0, np.float32))
    at = np.arange(len(seen))
    filled = np.interp(at, at[known], seen[known])
    quick, wanted = _quick(filled, rate), _quick(predicted, rate)
    lag_s, r = best_lag([np.where(where, quick, np.nan)], [wanted], rate, SEARCH_S)
    if not np.isfinite(r):
        return Fit(r, 0.0, np.zeros(0, np.float32))
    moved = np.interp(at + lag_s * rate, at, wanted)
    spoken = np.flatnonzero(where)
    count = max(1, int(len(spoken) / rate / STRETCH_S))
    parts = np.array_split(spoken, count)
    each = [correlation(quick[part], moved[part]) for part in parts]
    return Fit(r, lag_s, np.nan_to_num(np.array(each, np.float32)))


def _quick(series: Series, rate: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d

    series = series.astype(np.float64)
    return np.asarray(series - gaussian_filter1d(series, SLOW_S * rate))
