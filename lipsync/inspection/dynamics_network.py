"""A small network that tells motion of made lips from that of a person's, without any sound.

It reads lips, chin and head over 1.6 s: where they are, how fast they move, how they accelerate.
Made lips are too smooth, shake, stick to a few shapes, or do not move with chin and head. Its
result is the logarithm of the odds that the motion was made, for windows; a span's is their mean.
Training: training.inspection.train_dynamics.

Symbols: m samples at RATE, w windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.inspection.dense import Dense, leaky, slide
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import Measure, TrackMeasures
from lipsync.inspection.once import once
from lipsync.inspection.trajectories import RATE, Trajectories, trace
from lipsync.runtime.threads import single_threaded_blas
from lipsync.types import F32

ASSET, KIND = "dynamics_network.safetensors", "dynamics_network"
WINDOW, STEP = 40, 10  # samples
LEAST = 20  # samples of a shot, or of a span
NEAR = (-2, -1, 0, 1, 2)  # samples that the first layer reads …
FAR = (-6, -3, 0, 3, 6)  # … and places that the next one reads its results at
CHIN = slice(4, 11)  # of the 15 points of the jaw line
SLOW = 12.0  # samples, σ
# Inputs of about unit size: places and differences, outer-eye distances; the head's own.
PLACE, CHANGE = 0.04, 0.012
HEAD = (0.05, 0.05, 0.03, 0.03, 0.05, 0.05)

MEASURES = (
    Measure(
        "motion.dynamics",
        "logarithm of the odds that lips, chin and head were made to move so, by a network",
        "high",
        None,
    ),
)


@dataclass(frozen=True, eq=False)
class DynamicsNetwork:
    """Samples → features over time → mean and deviation over a window → log-odds."""

    near: Dense
    far: Dense
    verdict: Dense

    @staticmethod
    @cache
    def load() -> DynamicsNetwork:
        """The shipped network.

        Raises:
            WeightsError: missing or damaged.
        """
        from lipsync.runtime import checkpoint

        path = checkpoint.asset_path(ASSET)
        tensors, _ = checkpoint.load_kind(path, KIND, "dynamics network of lipsync inspect")
        return DynamicsNetwork(*(Dense.of(tensors, name) for name in ("near", "far", "verdict")))

    def log_odds(self, inputs: F32) -> F32:
        """Log-odds (w,) of the windows that start every STEP samples of one shot's (m, ·)."""
        features = self.features(inputs)
        parts = [features[first : first + WINDOW] for first in window_starts(len(features))]
        return np.array([self.judge(part) for part in parts], np.float32)

    def features(self, inputs: F32) -> F32:
        """What the first two layers make of inputs: (m, ·)."""
        hidden = leaky(slide(self.near, inputs, NEAR))
        return leaky(slide(self.far, hidden, FAR))

    def judge(self, features: F32) -> float:
        """Log-odds of one window of features."""
        pooled = np.concatenate([features.mean(0), features.std(0)])
        return float(self.verdict(pooled[None])[0, 0])


def window_starts(m: int) -> NDArray[np.int64]:
    """First samples of the windows of m samples; shorter ones are a single window."""
    return np.arange(0, max(m - WINDOW, 0) + 1, STEP)


def motion_inputs(lips: F32, jaw: F32, head: F32) -> F32:
    """What the network reads of one shot: (m, ·), places, first and second differences.

    Args:
        lips: (m, 18, 2); jaw: (m, 15, 2); head: (m, 6).
    """
    points = np.concatenate([lips, jaw[:, CHIN]], axis=1)
    flat = points.reshape(len(points), -1)
    # Slow changes are turns of the head, and how a person holds the mouth.
    place = (flat - gaussian_filter1d(flat, SLOW, axis=0, mode="nearest")) / PLACE
    turns = _difference(head / np.asarray(HEAD))
    turns = np.concatenate([turns, _difference(turns)], axis=1)
    speed = _difference(flat) / CHANGE
    bend = _difference(_difference(flat)) / CHANGE
    return np.asarray(np.concatenate([place, speed, bend, turns], axis=1), np.float32)


def _difference(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.diff(values, axis=0, prepend=values[:1])


@once
def _windows(evidence: Evidence) -> tuple[NDArray[np.int64], F32]:
    """Middles (w,) of all windows, samples, and their log-odds."""
    moves = trace(evidence)
    network = DynamicsNetwork.load()
    middles, odds = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for first, end in seen_runs(moves):
        if end - first < LEAST:
            continue
        here = slice(first, end)
        inputs = motion_inputs(moves.lips[here], moves.jaw[here], moves.head[here])
        with single_threaded_blas():
            found = network.log_odds(inputs)
        length = min(WINDOW, end - first)
        middles.append(first + window_starts(end - first) + length // 2)
        odds.append(found)
    return np.concatenate(middles), np.concatenate(odds)


def seen_runs(moves: Trajectories) -> list[tuple[int, int]]:
    """(first, end) of the runs of samples of one shot that show the face."""
    edges = np.flatnonzero(np.diff(moves.shot) | np.diff(moves.known.astype(np.int8))) + 1
    bounds = [0, *edges.tolist(), len(moves.known)]
    return [(a, b) for a, b in pairwise(bounds) if b > a and moves.known[a]]


def measure_span(evidence: Evidence, first: int, end: int) -> dict[str, float]:
    """Mean log-odds of the windows whose middle lies in a span of frames."""
    middles, odds = _windows(evidence)
    here = trace(evidence).span(evidence, first, end)
    inside = (middles >= here.start) & (middles < here.stop)
    if here.stop - here.start < LEAST or not inside.any():
        return {}
    return {"motion.dynamics": float(np.mean(odds[inside]))}


def dynamics_network_measures() -> TrackMeasures:
    """Log-odds of the motion."""
    return TrackMeasures(MEASURES, measure_span)


def explain(evidence: Evidence) -> dict[str, str]:
    """Why motion cannot be judged; empty if it can."""
    if any(end - first >= LEAST for first, end in seen_runs(trace(evidence))):
        return {}
    return {"motion": f"no {LEAST / RATE:.1f} s show the face without a cut"}
