"""Whether the lips follow this sound: lag, correlation, and how much better than another sound.

The gap between the lips is compared with the one that the speech model hears. Any two gaps of
speech correlate by chance, the more the shorter they are: so the same lips are also compared with
the sound of other moments, and what counts is how far the own sound stands out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import Measure, TrackMeasures
from lipsync.inspection.once import once
from lipsync.speech.av_sync import SEARCH_S, SLOW_S
from lipsync.types import Bools

F64 = NDArray[np.float64]

LEAST_SPEECH_S = 0.8  # of a span, with the lips in view
NEAR_S = 0.2  # lags at which sound and lips may still belong together
# Other moments begin this far away: nearer ones overlap with what may belong together.
OTHER_FROM_S, OTHERS_MOST = 0.6, 60
COMPARED_MOST = 3000  # frames of a span that are compared with other moments
LEAST_OTHERS = 8
MOST_R = 0.999
LEAST_R = 0.55  # below, the lag may be that of chance: 3 in 287 real clips are still off by 0.2 s

MEASURES = (
    Measure(
        "sync.correlation",
        "how closely the gap between the lips follows the gap heard in the sound",
        "low",
        None,
    ),
    Measure(
        "sync.own_sound",
        "how far this sound fits the lips better than that of other moments does",
        "low",
        None,
    ),
    Measure("sync.lag", "milliseconds by which the sound is late", "both", None),
)


@dataclass(frozen=True, eq=False)
class _Gaps:
    """Seen and heard gap of a video without their slow changes, (n,)."""

    seen: F64
    heard: F64
    where: Bools  # speech is heard and the lips are seen


@once
def _gaps(evidence: Evidence) -> _Gaps | None:
    if evidence.heard is None:
        return None
    known = np.isfinite(evidence.seen)
    if not known.any():
        return None
    at = np.arange(len(evidence))
    seen = np.interp(at, at[known], evidence.seen[known])
    slow = SLOW_S * float(evidence.face.fps)
    seen, heard = (
        gap - gaussian_filter1d(gap, slow) for gap in (seen, evidence.heard.astype(np.float64))
    )
    return _Gaps(seen, heard, known & evidence.speaking)


@dataclass(frozen=True)
class Fit:
    """How lips and sound of a span fit best."""

    r: float
    lag_ms: float  # positive: the sound is late


def measure_span(evidence: Evidence, first: int, end: int) -> dict[str, float]:
    """Correlation at the best lag, lag, and margin over other sounds, of a span of frames."""
    gaps, fit = _gaps(evidence), best_fit(evidence, first, end)
    if gaps is None or fit is None:
        return {}
    found = {"sync.correlation": fisher(fit.r)}
    if fit.r >= LEAST_R:
        found["sync.lag"] = fit.lag_ms
    rate = float(evidence.face.fps)
    near = round(NEAR_S * rate)
    frames = _spoken(gaps, first, end)
    frames = frames[:: 1 + len(frames) // COMPARED_MOST]
    own = _correlate(gaps, frames, np.arange(-near, near + 1))
    others = _others(gaps, frames, near, round(OTHER_FROM_S * rate))
    if len(others) >= LEAST_OTHERS and np.isfinite(own).any():
        mean = float(np.mean(np.arctanh(others)))
        found["sync.own_sound"] = fisher(float(np.nanmax(own))) - mean
    return found


def best_fit(evidence: Evidence, first: int, end: int) -> Fit | None:
    """The best fit of a span of frames; None: too little speech in it, or nothing varies."""
    gaps, rate = _gaps(evidence), float(evidence.face.fps)
    if gaps is None:
        return None
    frames = _spoken(gaps, first, end)
    if len(frames) < LEAST_SPEECH_S * rate:
        return None
    reach = round(SEARCH_S * rate)
    r = _correlate(gaps, frames, np.arange(-reach, reach + 1))
    if not np.isfinite(r).any():
        return None
    best = int(np.nanargmax(r))
    return Fit(float(r[best]), 1000 * (best - reach + peak_offset(r, best)) / rate)


def _spoken(gaps: _Gaps, first: int, end: int) -> NDArray[np.int64]:
    """The frames of a span in which somebody speaks with the lips in view."""
    return first + np.flatnonzero(gaps.where[first:end])


def _others(gaps: _Gaps, frames: NDArray[np.int64], near: int, away: int) -> F64:
    """The best correlation near each of other moments of the sound, which runs on at its start."""
    n = len(gaps.heard)
    step = max(near, -(-(n - 2 * away) // OTHERS_MOST))
    middles = np.arange(away + near, n - away - near + 1, step)
    if not len(middles):
        return np.zeros(0)
    lags = middles[:, None] + np.arange(-near, near + 1)
    r = _correlate(gaps, frames, lags.ravel(), around=True).reshape(lags.shape)
    r = r[np.isfinite(r).all(1)]
    return np.asarray(np.clip(r.max(1), -MOST_R, MOST_R))


def _correlate(
    gaps: _Gaps, frames: NDArray[np.int64], lags: NDArray[np.int64], around: bool = False
) -> F64:
    """Pearson's r of the seen gap at these frames with the heard gap `lags` frames later, (k,).

    NaN where the heard gap is constant, or unknown for more than half of the frames.
    """
    n = len(gaps.heard)
    at = frames[:, None] + lags
    inside = np.ones(at.shape, bool) if around else (at >= 0) & (at < n)
    weight = inside.astype(np.float64)
    count = np.maximum(weight.sum(0), 1)
    x, y = np.broadcast_to(gaps.seen[frames][:, None], at.shape), gaps.heard[at % n]
    x = (x - (weight * x).sum(0) / count) * weight
    y = (y - (weight * y).sum(0) / count) * weight
    scale = np.sqrt((x * x).sum(0) * (y * y).sum(0))
    usable = (scale > 1e-9) & (count > 0.5 * len(frames))
    return np.where(usable, (x * y).sum(0) / np.maximum(scale, 1e-12), np.nan)


def fisher(r: float) -> float:
    """Fisher's z of a correlation, whose spread does not depend on how large it is."""
    return float(np.arctanh(np.clip(r, -MOST_R, MOST_R)))


def peak_offset(r: F64, best: int) -> float:
    """Where between the samples the peak lies: of the parabola through the best three, −½ … ½."""
    if not 0 < best < len(r) - 1:
        return 0.0
    left, middle, right = r[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float(0.5 * (left - right) / bend) if bend < 0 else 0.0


def lip_sound_measures() -> TrackMeasures:
    """Lag, correlation and margin."""
    return TrackMeasures(MEASURES, measure_span)


def explain(evidence: Evidence) -> dict[str, str]:
    """Why the question of sync cannot be answered; empty if it can."""
    speech = evidence.speech
    if not speech.audible:
        return {"sync": "the video has no sound"}
    if evidence.heard is None:
        return {"sync": "no speech is heard"}
    gaps = _gaps(evidence)
    needed = LEAST_SPEECH_S * float(evidence.face.fps)
    if gaps is None or gaps.where.sum() < needed:
        return {"sync": f"the lips are in view for less than {LEAST_SPEECH_S} s of speech"}
    return {}
