"""Whether lips and jaw move as smoothly, and as roughly, as those of a person who speaks.

Every landmark shakes a little from frame to frame, on lips and on the bones of the face alike; so
what lips do is compared with what the points do that speech does not move. A drawn mouth that is
found anew in every frame shakes more; one that follows a smoothed prediction shakes less, and
lacks the fast part of speech.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import Measure, TrackMeasures
from lipsync.inspection.trajectories import RATE, Trajectories, trace
from lipsync.types import F32, Bools

F64 = NDArray[np.float64]

LEAST_S = 0.8  # of a span, with the face in view
CHIN = 3  # middle points of the jaw line that are the chin
SLOW_HZ, SPLIT_HZ = 1.0, 6.0  # speech opens and shuts lips 2 to 6 times a second
LEAST_POWER = 1e-9  # outer-eye distances squared: below, nothing moves at all

MEASURES = (
    Measure(
        "motion.jitter",
        "shaking of the lips against that of the bones of the face",
        "both",
        None,
    ),
    Measure(
        "motion.roughness",
        "motion of the lips faster than 6 Hz against that from 1 to 6 Hz",
        "both",
        None,
    ),
    Measure(
        "motion.lips",
        "speed of the lips against that of the bones of the face",
        "both",
        None,
    ),
    Measure(
        "motion.jaw",
        "how closely the chin moves with the lower lip",
        "low",
        None,
    ),
)


def measure_span(evidence: Evidence, first: int, end: int) -> dict[str, float]:
    """Jitter, spectrum and coupling of lips and jaw in a span of frames."""
    traced = trace(evidence)
    here = traced.span(evidence, first, end)
    known = traced.known[here]
    if known.sum() < LEAST_S * RATE:
        return {}
    return measure_motion(traced, here)


def measure_motion(traced: Trajectories, here: slice) -> dict[str, float]:
    """The same of samples of trajectories that show the face."""
    known, shot = traced.known[here], traced.shot[here]
    lips, rigid, jaw = traced.lips[here], traced.rigid[here], traced.jaw[here]
    found = {}
    bends = _usable(known, shot, 2)
    if bends.sum() >= LEAST_S * RATE / 2:
        shake = [_power(np.diff(part, 2, axis=0)[bends]) for part in (_relative(lips), rigid)]
        found["motion.jitter"] = _log_ratio(shake[0], shake[1])
    steps = _usable(known, shot, 1)
    if steps.sum() >= LEAST_S * RATE / 2:
        moves = [np.diff(part, axis=0)[steps] for part in (lips, rigid)]
        found["motion.lips"] = _log_ratio(_power(moves[0]), _power(moves[1]))
    gap = lips[:, 16, 1] - lips[:, 13, 1]
    middle = jaw.shape[1] // 2
    chin = jaw[:, middle - CHIN // 2 : middle + CHIN // 2 + 1, 1].mean(1)
    lower = lips[:, 8:11, 1].mean(1)
    found["motion.roughness"] = _roughness(gap, known, shot)
    found["motion.jaw"] = _coupling(lower, chin, known)
    return found


def _relative(lips: F32) -> F32:
    """What the lips (m, 18, 2) do beside opening: without the four most common motions.

    Opening, widening and the like move all points at once; shaking moves each by itself.
    """
    flat = (lips - lips.mean(0)).reshape(len(lips), -1)
    _, _, axes = np.linalg.svd(flat, full_matrices=False)
    common = axes[:4]
    return np.asarray((flat - flat @ common.T @ common).reshape(lips.shape), np.float32)


def _usable(known: Bools, shot: NDArray[np.int64], order: int) -> Bools:
    """Which of the differences of this order lie in one shot with the face in view."""
    m = len(known) - order
    if m <= 0:
        return np.zeros(0, bool)
    seen = np.logical_and.reduce([known[i : i + m] for i in range(order + 1)])
    return np.asarray(seen & (shot[order:] == shot[:m]))


def _power(steps: F32) -> float:
    """Median over time of the mean square of points (k, p, 2): single jumps do not count."""
    return float(np.median(np.square(steps.astype(np.float64)).sum(-1).mean(-1)))


def _log_ratio(a: float, b: float) -> float:
    return float(0.5 * np.log(max(a, LEAST_POWER) / max(b, LEAST_POWER)))


def _roughness(gap: F32, known: Bools, shot: NDArray[np.int64]) -> float:
    """Log ratio of amplitudes of a signal (m,), fast against slow; NaN if too short."""
    edges = np.flatnonzero(~_usable(known, shot, 1)) + 1
    runs = [run for run in np.split(gap, edges) if len(run) >= LEAST_S * RATE]
    slow = fast = 0.0
    for run in runs:
        wave = run - np.linspace(run[0], run[-1], len(run))  # no jump where the ends meet
        power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
        hertz = np.fft.rfftfreq(len(wave), 1 / RATE)
        slow += float(power[(hertz >= SLOW_HZ) & (hertz < SPLIT_HZ)].sum())
        fast += float(power[hertz >= SPLIT_HZ].sum())
    return float("nan") if slow < LEAST_POWER else _log_ratio(fast, slow)


def _coupling(a: F32, b: F32, known: Bools) -> float:
    """Fisher's z of the correlation of two signals' steps; NaN where either does not move."""
    both = np.stack([np.diff(a), np.diff(b)])[:, known[1:] & known[:-1]].astype(np.float64)
    both -= both.mean(1, keepdims=True)
    scale = float(np.sqrt((both[0] @ both[0]) * (both[1] @ both[1])))
    if scale < LEAST_POWER:
        return float("nan")
    return float(np.arctanh(np.clip(both[0] @ both[1] / scale, -0.999, 0.999)))


def smoothness_measures() -> TrackMeasures:
    """Jitter, spectrum, and the coupling of lips and jaw."""
    return TrackMeasures(MEASURES, measure_span)
