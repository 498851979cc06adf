"""A small network that tells whether lips and sound of the same moment belong together.

Two towers, trained together: 0.2 s of lips and chin, and 0.2 s of a speech encoder's states, become
vectors of length 1 whose distance is small where they belong together (Chung & Zisserman 2016 do
so with pixels). Distances between the lips and the sound of up to 15 pictures before and after
give the three figures of the field: where the mean distance is smallest, how small it is, and how
far below the median of all offsets. Training: training.inspection.train_sync.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lipsync.inspection.dense import Dense, normalize, slide
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.lip_sound import peak_offset
from lipsync.inspection.measures import Measure, TrackMeasures
from lipsync.inspection.once import once
from lipsync.inspection.trajectories import RATE, Trajectories, sample_middles, trace
from lipsync.runtime.threads import single_threaded_blas
from lipsync.speech.features.spec import FeatureSpec
from lipsync.types import F32, AudioFeatures, Bools

ASSET, KIND = "sync_network.safetensors", "sync_network"
# As the speech model reads it, so that a video's sound is encoded once for both.
SPEC = FeatureSpec("encoder", throat=True)
LIP_OFFSETS = (-2, -1, 0, 1, 2)  # samples of lips at RATE
STATES_PER_SAMPLE = 2  # the encoder makes a state every 20 ms
SOUND_OFFSETS = tuple(range(-4, 6))  # states: 0.2 s around the middle of a picture
CHIN = slice(4, 11)  # of the 15 points of the jaw line
REACH = 15  # offsets that are compared, samples either way
LEAST_S = 0.6  # of speech in a span, with the lips in view
# Below, the offset may be that of chance: of the real clips with 0.2, 13 in 256 are more than 5
# pictures off, of those with 0.3, 1 in 169.
CONFIDENT = 0.3
LIP_SCALE = 0.04  # outer-eye distances: inputs of about unit size

MEASURES = (
    Measure(
        "sync.distance",
        "distance between lips and sound, by a network, where they fit best",
        "high",
        None,
    ),
    Measure(
        "sync.confidence",
        "how far the best fit of lips and sound stands out among other offsets",
        "low",
        None,
    ),
    Measure(
        "sync.offset",
        "pictures (25 per second) by which the sound is late, by a network",
        "both",
        None,
    ),
)


@dataclass(frozen=True)
class SyncFigures:
    """What the field reports of lips and sound."""

    offset: float  # samples at RATE by which the sound is late, between them by a parabola
    distance: float  # smallest mean distance, 0 … 2
    confidence: float  # median over all offsets minus the smallest


@dataclass(frozen=True, eq=False)
class SyncNetwork:
    """Both towers."""

    lips: Dense
    sound: Dense

    @staticmethod
    @cache
    def load() -> SyncNetwork:
        """The shipped network.

        Raises:
            WeightsError: missing or damaged.
        """
        from lipsync.runtime import checkpoint

        path = checkpoint.asset_path(ASSET)
        tensors, _ = checkpoint.load_kind(path, KIND, "sync network of lipsync inspect")
        return SyncNetwork(Dense.of(tensors, "lips"), Dense.of(tensors, "sound"))

    def embed_lips(self, places: F32) -> F32:
        """Vectors (m, ·) of length 1 of lips, from `lip_places`."""
        return normalize(slide(self.lips, places, LIP_OFFSETS))

    def embed_sound(self, states: F32) -> F32:
        """Vectors (m, ·) of length 1 of sounds, from `states_at`."""
        return normalize(slide(self.sound, states, SOUND_OFFSETS, STATES_PER_SAMPLE))


def compare(seen: F32, heard: F32) -> F32:
    """Distances of lips at every sample to the sound of others.

    Args:
        seen, heard: (m, ·), of length 1.

    Returns:
        (m, 2 · REACH + 1): column k is the sound k − REACH samples later; NaN beyond its ends.
    """
    m = len(seen)
    found = np.full((m, 2 * REACH + 1), np.nan, np.float32)
    for k in range(-REACH, REACH + 1):
        first, end = max(0, -k), min(m, m - k)
        if end > first:
            cosine = (seen[first:end] * heard[first + k : end + k]).sum(1)
            found[first:end, k + REACH] = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    return found


def lip_places(moves: Trajectories) -> F32:
    """What the network sees of lips and chin: (m, ·), relative to the video's mean mouth."""
    points = np.concatenate([moves.lips, moves.jaw[:, CHIN]], axis=1)
    known = moves.known & np.isfinite(points).all((1, 2))
    mean = points[known].mean(0) if known.any() else 0.0
    flat = ((points - mean) / LIP_SCALE).reshape(len(points), -1)
    return np.nan_to_num(flat).astype(np.float32)


def states_at(features: AudioFeatures, m: int) -> F32:
    """What it hears: the encoder's states (STATES_PER_SAMPLE · m, d) at the times of m samples."""
    times = np.arange(STATES_PER_SAMPLE * m) / (STATES_PER_SAMPLE * RATE)
    steps = np.round((times - features.start) * features.rate).astype(np.int64)
    return np.asarray(features.values[np.clip(steps, 0, len(features.values) - 1)])


@dataclass(frozen=True, eq=False)
class _Compared:
    distances: F32  # (m, offsets)
    where: Bools  # (m,), speech is heard and the lips are seen


@once
def _compare(evidence: Evidence) -> _Compared | None:
    if evidence.heard is None:
        return None
    moves = trace(evidence)
    m = len(moves.lips)
    network = SyncNetwork.load()
    states = states_at(evidence.speech.features(SPEC), m)
    times = sample_middles(m)
    where = moves.known & evidence.speech.segments.at(times)
    with single_threaded_blas():
        distances = compare(network.embed_lips(lip_places(moves)), network.embed_sound(states))
    return _Compared(distances, where)


def figures_of(distances: F32) -> SyncFigures | None:
    """Offset, distance and confidence of samples (k, offsets); None if too little is known."""
    counted = np.isfinite(distances).sum(0)
    if counted.max(initial=0) < LEAST_S * RATE:
        return None
    usable: NDArray[np.bool_] = counted >= LEAST_S * RATE / 2
    mean = np.full(distances.shape[1], np.nan)
    mean[usable] = np.nanmean(distances[:, usable], axis=0)
    best = int(np.nanargmin(mean))
    between = peak_offset(-mean, best)
    return SyncFigures(
        best - REACH + between, float(mean[best]), float(np.nanmedian(mean) - mean[best])
    )


def measure_span(evidence: Evidence, first: int, end: int) -> dict[str, float]:
    """The three figures of a span of frames."""
    compared = _compare(evidence)
    if compared is None:
        return {}
    here = trace(evidence).span(evidence, first, end)
    figures = figures_of(compared.distances[here][compared.where[here]])
    if figures is None:
        return {}
    found = {"sync.distance": figures.distance, "sync.confidence": figures.confidence}
    if figures.confidence >= CONFIDENT:
        found["sync.offset"] = figures.offset
    return found


def sync_network_measures() -> TrackMeasures:
    """Offset, distance and confidence."""
    return TrackMeasures(MEASURES, measure_span)
