"""Candidate search: the bank entries nearest to a wanted mouth, and their weights.

docs/method.md §4. Distances compare not one lip shape but a short window of motion, the sound
during it, and the head pose: they constrain what a single lip contour leaves open (teeth, tongue,
shading). The gap between the inner lips has a larger weight than its three pairs of points would
give it: an open mouth made from closed ones, or the reverse, shows through any median.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.runtime.positions import frames_of
from lipsync.types import F32, F64, I64, Alignment, MouthBank

# α: share of the total weight that the best n entries hold. With the 0.9 of docs/method.md §4 a few
# of the 64 nearest dominate and the mouth flickers as they change; more even weights flicker less.
MASS = 0.4
HALVINGS = 14  # of the range in which σ is looked for, e^18: to a thousandth
WINDOW = (0.25, 0.5, 1.0, 0.5, 0.25)  # weights of the moments at −2 … +2 steps
WINDOW_STEP_S = 0.04
# Measured on clips of GRID speaker 1: the gap raises the correlation of the lip opening from 0.98
# to 0.99, the sound the PSNR by 0.2 dB; a larger weight of the pose loses more in lip accuracy than
# it gains in shading.
GAP_WEIGHT, SOUND_WEIGHT, POSE_WEIGHT = 3.0, 0.06, 0.5
# Of the log size: entries of a much smaller face are blurred, of a larger one too fine.
SIZE_WEIGHT = 0.15
# Of the log skin color: entries in the target's light come first; others are color-corrected.
LIGHT_WEIGHT = 0.2
UPPER_INNER, LOWER_INNER = (13, 12, 14), (16, 17, 15)


@dataclass(frozen=True, eq=False)
class MouthSequence:
    """What descriptors are computed from; n mouths."""

    lips: F32  # (n, 18, 2), canonical
    pose: F32  # (n, 3, 2), nose points, canonical
    # (n,) each: the window never reaches into another shot or over a gap, but repeats the mouth.
    shots: I64
    frames: I64
    rates: F64  # (n,), frames per second
    phones: F32 | None = None  # (n, p), phone embedding of the sound; None: unknown
    skin_color: F32 | None = None  # (n, 3), levels; None: unknown
    scale: F32 | None = None  # (n,), pixels per outer-eye distance; None: not compared


def compute_descriptors(mouths: MouthSequence) -> F32:
    """Compute descriptors (n, d), whose Euclidean distances are in outer-eye distances."""
    lips, n = mouths.lips, len(mouths.lips)
    gaps = (lips[:, LOWER_INNER] - lips[:, UPPER_INNER])[..., 1]
    windowed = [
        lips.reshape(n, -1) / np.sqrt(lips.shape[1]),
        GAP_WEIGHT * gaps / np.sqrt(gaps.shape[1]),
    ]
    if mouths.phones is not None:
        windowed.append(SOUND_WEIGHT * mouths.phones)
    shape = np.concatenate(windowed, axis=1)
    parts = [POSE_WEIGHT * mouths.pose.reshape(n, -1) / np.sqrt(mouths.pose.shape[1])]
    if mouths.skin_color is not None:
        color = np.log(np.maximum(mouths.skin_color, 1))
        parts.append(LIGHT_WEIGHT * color / np.sqrt(color.shape[1]))
    if mouths.scale is not None:
        parts.append(SIZE_WEIGHT * np.log(mouths.scale)[:, None])
    here = np.arange(n)
    for step, weight in enumerate(WINDOW, -(len(WINDOW) // 2)):
        offset = frames_of(step * WINDOW_STEP_S, mouths.rates)
        other = np.clip(here + offset, 0, n - 1)
        follows = mouths.frames[other] - mouths.frames == offset
        joined = follows & (mouths.shots[other] == mouths.shots)
        share = np.sqrt(weight / sum(WINDOW))
        parts.append(share * shape[np.where(joined, other, here)])
    return np.concatenate(parts, axis=1).astype(np.float32)


def weigh_nearest(distances: F32, n: int) -> tuple[I64, F32]:
    """Find the n nearest entries and their weights exp(−d / 2σ²), which sum to 1.

    σ is solved by bisection on a logarithmic scale so that these n hold MASS of the weight of
    all entries; a bank of n or fewer entries is used whole, with 2σ² the mean distance.

    Args:
        distances: (m,), of all entries.

    Returns:
        Entries (n,), nearest first, and weights (n,).
    """
    n = min(n, len(distances))
    if n == len(distances):
        nearest = np.argsort(distances, kind="stable")
    else:
        nearest = np.argpartition(distances, n - 1)[:n]
        nearest = nearest[np.argsort(distances[nearest], kind="stable")]
    excess = distances - distances[nearest[0]]
    near = excess[nearest]
    scale = max(float(near.mean()), 1e-9)  # 2σ²
    if n < len(distances):
        low, high = np.log(scale) - 12, np.log(scale) + 6
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            every = np.exp(excess * np.float32(-np.exp(-middle)))
            low, high = (
                (middle, high) if every[nearest].sum() > MASS * every.sum() else (low, middle)
            )
        scale = float(np.exp(low))
    weights = np.exp(-near / scale)
    return nearest.astype(np.int64), (weights / weights.sum()).astype(np.float32)


class CandidateSearch:
    """Nearest-neighbor search over a bank's usable entries."""

    def __init__(self, bank: MouthBank, n: int, heard: bool = False) -> None:
        """Compute the bank's descriptors.

        Args:
            n: number of candidates.
            heard: the phone embedding of the wanted mouths is known.
        """
        self.n = n
        self._entries = np.flatnonzero(bank.quality > 0)
        phones = bank.phones if heard else None
        scale = Alignment(bank.to_crop).scale
        usable = scale[self._entries]
        self._scales = (usable.min(), usable.max()) if len(usable) else (0.0, np.inf)
        descriptors = compute_descriptors(
            MouthSequence(
                bank.lips,
                bank.pose,
                bank.shots,
                bank.frames,
                bank.entry_rates,
                phones,
                bank.skin_color,
                scale,
            )
        )
        self.descriptors = descriptors  # (m, d), of all entries
        self._usable = descriptors[self._entries]
        self._norms = (self._usable**2).sum(1)

    def nearest_scale(self, scale: F32) -> F32:
        """Clip face sizes (n,) to the range of sizes in the bank.

        A difference that all entries share would not tell which are nearer.
        """
        return np.clip(scale, *self._scales).astype(np.float32)

    def find_nearest(self, wanted: F32) -> tuple[I64, F32, F32]:
        """Entries, weights and distances (n,) for one wanted descriptor (d,), nearest first."""
        squared = self._norms - 2 * self._usable @ wanted + wanted @ wanted
        distances = np.sqrt(np.maximum(squared, 0))
        nearest, weights = weigh_nearest(distances, self.n)
        return self._entries[nearest], weights, distances[nearest]
