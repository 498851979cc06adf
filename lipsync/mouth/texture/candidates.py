"""Which bank entries a wanted mouth is made from, and with which weights (docs/method.md §4).

An entry's distance to a wanted mouth compares not one shape but a short stretch of motion, what is
heard meanwhile, and the pose of the head: they tell what a single lip contour leaves open (teeth,
tongue, shading). The gap of the inner lips weighs more than its three pairs of points would: an
open mouth made from closed ones, or the reverse, shows whatever the median makes of them.
"""

from __future__ import annotations

import numpy as np

from lipsync.types import F32, I64, Alignment, MouthBank

# α: share of the total weight that the best n entries hold. With the 0.9 of docs/method.md §4 the
# few nearest of 64 decide, and the mouth flickers as they change; the more evenly they share, the
# less of that.
MASS = 0.4
WINDOW = (0.25, 0.5, 1.0, 0.5, 0.25)  # weights of the frames at −2 … +2
# Measured on clips of s1: the gap brings r_open from 0.98 to 0.99, the sound 0.2 dB; a larger
# weight of the pose costs more lip than it gains in shading.
GAP_WEIGHT, SOUND_WEIGHT, POSE_WEIGHT = 3.0, 0.06, 0.5
# Of the size: pictures of a face that is much smaller are blurred, of a larger one too fine.
SIZE_WEIGHT = 0.15
# Of the light: a bank of two lightings gives the target's own first, other colours are corrected.
LIGHT_WEIGHT = 0.2
UPPER_INNER, LOWER_INNER = (13, 12, 14), (16, 17, 15)


def compute_descriptors(
    lips: F32,
    pose: F32,
    shots: I64,
    frames: I64,
    phones: F32 | None = None,
    skin_color: F32 | None = None,
    scale: F32 | None = None,
) -> F32:
    """Descriptors (n, d); their Euclidean distance is in outer-eye distances.

    Args:
        lips: (n, 18, 2) canonical; pose: (n, 3, 2) canonical.
        shots, frames: (n,), so that the window never reaches into another shot or over a gap:
            there it repeats the entry itself.
        phones: (n, p), phone embedding of the sound; None: unknown.
        skin_color: (n, 3), levels; None: unknown.
        scale: (n,) pixels per outer-eye distance; None: not compared.
    """
    n = len(lips)
    gaps = (lips[:, LOWER_INNER] - lips[:, UPPER_INNER])[..., 1]
    moving = [
        lips.reshape(n, -1) / np.sqrt(lips.shape[1]),
        GAP_WEIGHT * gaps / np.sqrt(gaps.shape[1]),
    ]
    if phones is not None:
        moving.append(SOUND_WEIGHT * phones)
    shape = np.concatenate(moving, axis=1)
    parts = [POSE_WEIGHT * pose.reshape(n, -1) / np.sqrt(pose.shape[1])]
    if skin_color is not None:
        color = np.log(np.maximum(skin_color, 1))
        parts.append(LIGHT_WEIGHT * color / np.sqrt(color.shape[1]))
    if scale is not None:
        parts.append(SIZE_WEIGHT * np.log(scale)[:, None])
    here = np.arange(n)
    for offset, weight in enumerate(WINDOW, -(len(WINDOW) // 2)):
        other = np.clip(here + offset, 0, n - 1)
        joined = (frames[other] - frames == offset) & (shots[other] == shots)
        share = np.sqrt(weight / sum(WINDOW))
        parts.append(share * shape[np.where(joined, other, here)])
    return np.concatenate(parts, axis=1).astype(np.float32)


def weigh_nearest(distances: F32, n: int) -> tuple[I64, F32]:
    """The n nearest entries and their weights exp(−d / 2σ²), summing to 1.

    σ is solved by bisection on a logarithmic scale so that these n hold MASS of the weight of
    all entries; a bank of n or fewer entries is used whole, with σ² the mean distance.
    """
    n = min(n, len(distances))
    if n == len(distances):
        nearest = np.argsort(distances, kind="stable")
    else:
        nearest = np.argpartition(distances, n - 1)[:n]
        nearest = nearest[np.argsort(distances[nearest], kind="stable")]
    excess = (distances - distances[nearest[0]]).astype(np.float64)
    near = excess[nearest]
    scale = max(float(near.mean()), 1e-9)  # 2σ²
    if n < len(distances):
        low, high = np.log(scale) - 12, np.log(scale) + 6
        for _ in range(28):
            middle = (low + high) / 2
            held = np.exp(-near / np.exp(middle)).sum() / np.exp(-excess / np.exp(middle)).sum()
            low, high = (middle, high) if held > MASS else (low, middle)
        scale = float(np.exp(low))
    weights = np.exp(-near / scale)
    return nearest.astype(np.int64), (weights / weights.sum()).astype(np.float32)


class CandidateSearch:
    """The bank's side of the search, prepared once."""

    def __init__(self, bank: MouthBank, n: int, heard: bool = False) -> None:
        """`heard`: the phone embedding of the wanted mouths is known."""
        self.n = n
        self._entries = np.flatnonzero(bank.quality > 0)
        phones = bank.phones if heard else None
        scale = Alignment(bank.to_crop).scale
        usable = scale[self._entries]
        self._scales = (usable.min(), usable.max()) if len(usable) else (0.0, np.inf)
        described = compute_descriptors(
            bank.lips, bank.pose, bank.shots, bank.frames, phones, bank.skin_color, scale
        )
        self.descriptors = described  # (m, d) of all entries
        self._usable = described[self._entries]
        self._norms = (self._usable**2).sum(1)

    def nearest_scale(self, scale: F32) -> F32:
        """Sizes of faces as near to these (n,) as the bank has some.

        What all entries are off by tells nothing of which are nearer.
        """
        return np.clip(scale, *self._scales).astype(np.float32)

    def find_nearest(self, wanted: F32) -> tuple[I64, F32, F32]:
        """Entries, weights and distances for one wanted descriptor (d,), nearest first."""
        squared = self._norms - 2 * self._usable @ wanted + wanted @ wanted
        distances = np.sqrt(np.maximum(squared, 0))
        nearest, weights = weigh_nearest(distances, self.n)
        return self._entries[nearest], weights, distances[nearest]
