"""Measures of lips predicted on running speech (docs/benchmarks/running.md).

Symbols: n frames. Unit of length: the outer-eye distance. Clips may be of several people:
correlations, gain and lag are those of the deviations from each clip's own mean, and every clip has
levels of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, minimum_filter1d
from scipy.signal import welch

from lipsync.runtime.positions import runs_of_true
from lipsync.speech.av_sync import best_lag, correlation
from lipsync.types import Bools, LipTrack
from training.metrics import GapLevels

F64 = NDArray[np.float64]

TOLERANCE_S = 0.04  # between a true closure and a predicted one; to the nearest frame, at least one
REACH_S, LAG_RATE = 0.15, 100.0  # lags searched, both ways, and the gaps' rate (Hz) for it
BANDS_HZ = ((0, 3), (3, 6), (6, 10))
HIGHEST_HZ = BANDS_HZ[-1][1]  # what is above counts as noise, also motion, if there is any
SEGMENT_S, LEAST_S = 4.0, 1.0  # of the spectra, and the shortest run of known frames that has one
MOST_NOISE = 2 / 3  # share of the true power: beyond it, what is left says nothing
UNKNOWN = float("nan")


@dataclass(frozen=True)
class MouthGaps:
    """Inner-lip gaps that mean something for one mouth."""

    levels: GapLevels
    shut: float  # of the least open tenth of the frames
    span: float  # the opening range: 95th minus 5th percentile


@dataclass(frozen=True, eq=False)
class Pair:
    """True and predicted lips of one clip."""

    true: LipTrack  # NaN where unknown
    predicted: LipTrack  # as long, at the same rate
    gaps: MouthGaps

    @property
    def known(self) -> Bools:
        """(n,), whether the true lips are known."""
        return np.asarray(np.isfinite(self.true.points).all((1, 2)))

    @property
    def both(self) -> tuple[LipTrack, LipTrack]:
        """True and predicted lips in the known frames."""
        known, rate = self.known, self.true.rate
        return LipTrack(self.true.points[known], rate), LipTrack(self.predicted.points[known], rate)


@dataclass(frozen=True)
class RunningMetrics:
    """How well predicted lips follow the true ones; NaN where undefined."""

    r_open: float  # correlation of the inner-lip gap
    r_width: float  # of the mouth width
    r_protrusion: float  # see `protrusion`
    rmse: float  # over 18 × 2 coordinates
    offset: float  # share of the mean square: a constant per clip and coordinate
    gain: float  # share that one factor per clip on the predicted deviations would remove
    motion: float  # share that is left
    recall: float  # share of true closures that are predicted
    false: float  # share of wide-open frames that are predicted closed
    depth: float  # predicted gap at true closures above the shut one, opening ranges
    closures: float  # predicted closures per second
    true_closures: float  # true ones
    speed: float  # RMS velocity of the gap, predicted / true
    slow: float  # power of the gap in the first of BANDS_HZ, predicted / true
    middle: float  # in the second
    fast: float  # in the third
    lag_ms: float  # positive: the predicted lips come late

    @staticmethod
    def of(pairs: Sequence[Pair]) -> RunningMetrics:
        """Measure clips together, all of them weighted by their length."""
        return RunningMetrics(
            *correlations(pairs), *split_error(pairs), *match_closures(pairs),
            *compare_dynamics(pairs), measure_lag(pairs) * 1000,
        )  # fmt: skip


# --- shape -----------------------------------------------------------------------------------


def correlations(pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """Correlate gap, width and protrusion."""

    def pooled(measure: Callable[[Pair], tuple[F64, F64]]) -> float:
        both = [measure(pair) for pair in pairs]
        return correlation(*(np.concatenate([_center(one[i]) for one in both]) for i in (0, 1)))

    def of_each(value: Callable[[LipTrack], F64]) -> Callable[[Pair], tuple[F64, F64]]:
        return lambda pair: (value(pair.both[0]), value(pair.both[1]))

    return pooled(of_each(gap)), pooled(of_each(width)), pooled(protrusion)


def gap(lips: LipTrack) -> F64:
    """The inner-lip gap, (n,)."""
    return lips.opening.astype(np.float64)


def width(lips: LipTrack) -> F64:
    """The mouth width, (n,)."""
    return lips.width.astype(np.float64)


def height(lips: LipTrack) -> F64:
    """The height of the outer lips, (n,): the distance of their two mid points."""
    return np.asarray(np.linalg.norm(lips.points[:, 3] - lips.points[:, 9], axis=-1), np.float64)


def protrusion(pair: Pair) -> tuple[F64, F64]:
    """How far the lips are pushed forward, true and predicted, as a front view shows it.

    Pushed lips are high and narrow: outer lip height minus mouth width, each divided by the
    standard deviation of the true one in the clip, so that both count alike.
    """
    true, predicted = pair.both
    high, wide = height(true).std(), width(true).std()
    if not min(high, wide) > 0:
        return np.zeros(len(true)), np.zeros(len(true))
    t, p = (height(lips) / high - width(lips) / wide for lips in (true, predicted))
    return t, p


def _center(series: F64) -> F64:
    return np.asarray(series - series.mean()) if len(series) else series


def split_error(pairs: Sequence[Pair]) -> tuple[float, float, float, float]:
    """RMSE of the coordinates, and the shares of offset, gain and motion in its square."""
    total = offset = motion = 0.0
    count = 0
    for pair in pairs:
        true, predicted = (one.points.astype(np.float64) for one in pair.both)
        if not len(true):
            continue
        t, p = true - true.mean(0), predicted - predicted.mean(0)
        power = float((p * p).sum())
        factor = float((p * t).sum()) / power if power > 1e-12 else 1.0
        count += true.size
        total += float(((predicted - true) ** 2).sum())
        offset += float(((predicted.mean(0) - true.mean(0)) ** 2).sum()) * len(true)
        motion += float(((factor * p - t) ** 2).sum())
    if not count:
        return UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN
    rmse = float(np.sqrt(total / count))
    if rmse < 1e-9:
        return rmse, UNKNOWN, UNKNOWN, UNKNOWN
    return rmse, offset / total, max(total - offset - motion, 0) / total, motion / total


# --- closures --------------------------------------------------------------------------------


def match_closures(pairs: Sequence[Pair]) -> tuple[float, float, float, float, float]:
    """Compare closures: runs of frames whose gap is at most the mouth's closed level.

    Returns:
        Recall, false, depth, predicted and true closures per second; see `RunningMetrics`.
    """
    depths: list[float] = []
    hits = made = wide = false = 0
    seconds = 0.0
    for pair in pairs:
        levels, known = pair.gaps.levels, pair.known
        t = np.where(known, gap(pair.true), np.inf)
        p = np.nan_to_num(gap(pair.predicted), nan=np.inf)
        reach = max(1, round(TOLERANCE_S * pair.true.rate))
        shut, guess = t <= levels.closed, p <= levels.closed
        lowest = minimum_filter1d(p, 2 * reach + 1)
        for first, end in runs_of_true(shut):
            low = float(lowest[first:end].min())
            hits += low <= levels.closed
            depths.append((low - pair.gaps.shut) / pair.gaps.span)
        open_wide = known & (t > levels.open) & ~binary_dilation(shut, iterations=reach)
        wide, false = wide + int(open_wide.sum()), false + int((open_wide & guess).sum())
        made += len(list(runs_of_true(guess & known)))
        seconds += float(known.sum() / pair.true.rate)
    return (
        _ratio(hits, len(depths)),
        _ratio(false, wide),
        float(np.median(depths)) if depths else UNKNOWN,
        _ratio(made, seconds),
        _ratio(len(depths), seconds),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else UNKNOWN


# --- dynamics --------------------------------------------------------------------------------


def compare_dynamics(pairs: Sequence[Pair]) -> tuple[float, float, float, float]:
    """RMS velocity of the gap, and its power in BANDS_HZ, predicted / true.

    Both from spectra (Welch, Hann windows of SEGMENT_S) of all runs of known frames of at least
    LEAST_S, at the clip's own rate, up to HIGHEST_HZ. The landmarks' noise is taken to be white:
    the mean density of the true gap above HIGHEST_HZ is subtracted from the true spectrum. NaN
    where that is more than MOST_NOISE of it.
    """
    true, predicted, white = np.zeros(4), np.zeros(4), np.zeros(4)
    noise = seconds = 0.0
    for pair in pairs:
        rate = float(pair.true.rate)
        for first, end in runs_of_true(pair.known):
            if end - first < LEAST_S * rate:
                continue
            hertz, density = _spectrum(gap(pair.true)[first:end], rate)
            weights = _weights(hertz)
            lasts = (end - first) / rate
            true += lasts * weights @ density
            predicted += lasts * weights @ _spectrum(gap(pair.predicted)[first:end], rate)[1]
            white += lasts * weights.sum(1)
            # A one-sided spectrum halves the density at half the rate.
            above = density[(hertz > HIGHEST_HZ) & (hertz < rate / 2)]
            noise += lasts * float(above.mean()) if len(above) else UNKNOWN
            seconds += lasts
    if not seconds:
        return UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN
    clean = true - noise / seconds * white
    clean[~(clean >= (1 - MOST_NOISE) * true)] = UNKNOWN
    speed, slow, middle, fast = (
        _ratio(float(p), float(t)) for p, t in zip(predicted, clean, strict=True)
    )
    return float(np.sqrt(speed)), slow, middle, fast


def _spectrum(series: F64, rate: float) -> tuple[F64, F64]:
    """Frequencies (Hz) and power density (squared outer-eye distances per Hz) of a series (n,)."""
    size = min(len(series), round(SEGMENT_S * rate))
    hertz, density = welch(series, rate, "hann", nperseg=size)
    return np.asarray(hertz, np.float64), np.asarray(density, np.float64)


def _weights(hertz: F64) -> F64:
    """(4, k): from densities at k frequencies to mean square velocity and power in BANDS_HZ."""
    moving = (hertz > 0) & (hertz <= HIGHEST_HZ)  # the mean has been removed
    rows = [np.where(moving, (2 * np.pi * hertz) ** 2, 0)]
    rows += [
        (moving & (hertz > low) & (hertz <= high)).astype(np.float64) for low, high in BANDS_HZ
    ]
    return np.asarray(np.stack(rows) * (hertz[1] - hertz[0]))


# --- lag -------------------------------------------------------------------------------------


def measure_lag(pairs: Sequence[Pair]) -> float:
    """The delay of the predicted gap (s) at which it correlates best with the true one.

    NaN where one of them does not vary, or where no lag within REACH_S is better than its
    neighbors. The clips may differ in rate.
    """
    true, predicted = [], []
    for pair in pairs:
        rate = float(pair.true.rate)
        seconds = np.arange(len(pair.true)) / rate
        at = np.arange(int(seconds[-1] * LAG_RATE) + 1) / LAG_RATE
        p = gap(pair.predicted)
        known = np.isfinite(p)
        t = np.interp(at, seconds, gap(pair.true))
        true.append(t - np.nanmean(t))
        predicted.append(_center(np.interp(at, seconds[known], p[known])))
    lag_s = best_lag(true, predicted, LAG_RATE, REACH_S)[0]
    return lag_s if abs(lag_s) < REACH_S - 1e-6 else UNKNOWN
