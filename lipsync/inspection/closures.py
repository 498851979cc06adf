"""Whether the lips meet at p, b and m.

Only sounds that are surely one of them count: an acoustic model says so, and the speech model
hears the lips meet. Lips that move to another sound, or too lazily, are open at many of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import Measure, TrackMeasures
from lipsync.inspection.once import once
from lipsync.speech.features.phone_embedding import BILABIALS, PHONE_SPEC, phone_columns
from lipsync.types import F32

F64 = NDArray[np.float64]

SMOOTH_STEPS = 2.0  # σ of the posteriors: single steps of 10 ms say little
# Posterior of p, b and m together from which on a peak counts. The posteriors are flat (42 phones,
# scaled likelihoods). Of the peaks above it, 8 in 10 are p, b or m by the forced alignment of
# three people of GRID that no model has seen.
SURE = 0.18
# Heard gap, in its own range in speech, at or below which the speech model hears the lips meet.
HEARD_SHUT = 0.35
NEAR_S = 0.06  # between a peak and the heard closure
SEEN_NEAR_S = 0.08  # two frames at 25 per second: lips and sound are rarely in better sync
LEAST = 1  # sounds of a span
RANGE_PERCENTS = (5, 95)
LEAST_RANGE = 0.04  # outer-eye distances: lips that hardly move have no range

MEASURES = (
    Measure(
        "closures.gap",
        "gap between the lips at p, b and m, in the range that it has in the video",
        "high",
        None,
    ),
)


@dataclass(frozen=True, eq=False)
class _Closures:
    """The sure p, b and m of a video, k of them."""

    frames: NDArray[np.int64]  # (k,)
    gaps: F32  # (k,), the smallest seen gap around each: 0: least open, 1: widest; NaN: unknown


@once
def _closures(evidence: Evidence) -> _Closures:
    none = _Closures(np.zeros(0, np.int64), np.zeros(0, np.float32))
    if evidence.heard is None:
        return none
    rate, seen = float(evidence.face.fps), evidence.seen
    known = np.isfinite(seen)
    spoken = known & evidence.speaking
    if spoken.sum() < rate / 2:
        return none
    low, high = np.percentile(seen[spoken], RANGE_PERCENTS)
    if high - low < LEAST_RANGE:
        return none
    at = find_bilabials(evidence)
    reach = round(SEEN_NEAR_S * rate)
    open_where_unknown = np.where(known, seen, np.inf)
    smallest = minimum_filter1d(open_where_unknown, 2 * reach + 1, mode="nearest")[at]
    gaps = np.where(np.isfinite(smallest), (smallest - low) / (high - low), np.nan)
    return _Closures(at, gaps.astype(np.float32))


def find_bilabials(evidence: Evidence) -> NDArray[np.int64]:
    """The frames at which a p, b or m is surely heard, (k,); empty without speech."""
    if evidence.heard is None:
        return np.zeros(0, np.int64)
    rate = float(evidence.face.fps)
    heard = evidence.heard
    low, high = np.percentile(heard[evidence.speaking], RANGE_PERCENTS)
    shut = (heard - low) / max(float(high - low), 1e-3) <= HEARD_SHUT
    phones = evidence.speech.features(PHONE_SPEC)
    sure = gaussian_filter1d(
        phones.values[:, phone_columns(BILABIALS)].sum(1), SMOOTH_STEPS, mode="nearest"
    )
    inner = sure[1:-1]
    peaks = 1 + np.flatnonzero((inner >= SURE) & (inner > sure[:-2]) & (inner >= sure[2:]))
    times = phones.start + peaks / phones.rate
    frames = np.round(times * rate).astype(np.int64)
    frames = frames[frames < len(heard)]
    reach = round(NEAR_S * rate)
    near = minimum_filter1d((~shut).astype(np.uint8), 2 * reach + 1, mode="nearest") == 0
    return np.unique(frames[near[frames] & evidence.speaking[frames]])


def measure_span(evidence: Evidence, first: int, end: int) -> dict[str, float]:
    """Gap at the sure p, b and m of a span of frames."""
    found = _closures(evidence)
    here = (found.frames >= first) & (found.frames < end) & np.isfinite(found.gaps)
    if here.sum() < LEAST:
        return {}
    return {"closures.gap": float(np.mean(found.gaps[here]))}


def closure_measures() -> TrackMeasures:
    """Open lips at p, b and m."""
    return TrackMeasures(MEASURES, measure_span)


def explain(evidence: Evidence) -> dict[str, str]:
    """Why the question of closures cannot be answered; empty if it can."""
    if not evidence.speech.audible:
        return {"closures": "the video has no sound"}
    if evidence.heard is None:
        return {"closures": "no speech is heard"}
    if np.isfinite(_closures(evidence).gaps).sum() < LEAST:
        return {"closures": "too few sounds are surely p, b or m while the lips are in view"}
    return {}
