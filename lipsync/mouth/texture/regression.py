"""What the skin around a wanted mouth looks like, by regression on the whole bank.

The candidates of a wanted mouth never surround it evenly: their lips can be bent to the wanted
ones, but folds, shading and pose stay those of mouths that are a little more open or more closed
on the whole, and the median is off by as much. A smooth regression of coarse, shape-free pictures
(the active appearance models' "shape-free patch") on the descriptors of the mouths tells that
difference: f(wanted) − Σ wᵢ f(candidateᵢ), the bias correction of matching estimators (Abadie and
Imbens, 2011). It is added to the median outside the lips. Being one smooth function of the wanted
mouth, it does not flicker as candidates change.

The regression is ridge regression on the descriptor and on random Fourier features of it (Rahimi
and Recht, 2007), which together approximate a Gaussian process.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from lipsync.media.pixels import to_three_channels
from lipsync.mouth.bank.shape_free import SIZE, to_cell_coords
from lipsync.types import F32, I64, U8, Bools

FEATURES = 500
WIDTH = 1.5  # of the kernel, in RMS distances of the bank's descriptors from their mean
RIDGE = 1e-5  # λ per entry: descriptors are in units of that distance, features of variance 1/n
MIN_ENTRIES, MAX_ENTRIES = 300, 2500  # entries that it is learnt from
RANK = 64  # pictures of which every correction is made up
AT_ONCE = 500  # entries whose pictures are in memory at a time
LIMIT = 24.0  # levels: what is more is no fold and no shading


class Regression:
    """Coarse shape-free pictures as a function of descriptors."""

    def __init__(self, described: F32, pictures: U8, gains: F32, usable: Bools) -> None:
        """Learn it.

        Args:
            described: (m, d) descriptors of the bank's entries.
            pictures: (m, SIZE, SIZE, 3), shape-free.
            gains: (m, 3) what brings each picture to one light.
            usable: (m,) which entries count; at least FEWEST of them.
        """
        known = np.flatnonzero(usable)
        known = known[np.linspace(0, len(known) - 1, min(len(known), MAX_ENTRIES)).astype(int)]
        self._middle = described[known].mean(0)
        off = described - self._middle
        self._spread = max(float(np.sqrt(np.square(off[known]).sum(1).mean())), 1e-6)
        rng = np.random.default_rng(0)
        shape = (described.shape[1], FEATURES)
        self._waves = rng.standard_normal(shape, np.float32) / np.float32(WIDTH * self._spread)
        self._phases = rng.uniform(0, 2 * np.pi, FEATURES).astype(np.float32)
        self._entries = self._features(described)
        told = self._entries[known] - self._entries[known].mean(0)
        both = np.zeros((told.shape[1], pictures[0].size), np.float32)
        for some in np.array_split(np.arange(len(known)), -(-len(known) // AT_ONCE)):
            shown = np.asarray(pictures[known[some]], np.float32) * gains[known[some], None, None]
            both += told[some].T @ shown.reshape(len(some), -1)  # told has no mean, both neither
        square = (told.T @ told).astype(np.float64)
        square[np.diag_indices_from(square)] += RIDGE * len(known)
        self._weights, self._basis = _solve_reduced_rank(square, both)

    def _features(self, described: F32) -> F32:
        off = described - self._middle
        waves = np.cos(off @ self._waves + self._phases) * np.float32(np.sqrt(2 / FEATURES))
        return np.concatenate([waves, off / np.float32(self._spread)], -1).astype(np.float32)

    def predict_correction(self, wanted: F32, entries: I64, weights: F32) -> F32:
        """What the candidates' mean lacks of the wanted mouth, shape-free, (SIZE, SIZE, 3) levels.

        Args:
            wanted: (d,) descriptor.
            entries, weights: (n,) the candidates.
        """
        lacking = self._features(wanted) - weights @ self._entries[entries]
        made = (lacking @ self._weights @ self._basis).reshape(SIZE, SIZE, 3)
        return np.asarray(np.clip(made, -LIMIT, LIMIT), np.float32)


def _solve_reduced_rank(square: NDArray[np.float64], both: F32) -> tuple[F32, F32]:
    """The solution of square @ w = both (f, c) as a product (f, RANK) @ (RANK, c).

    The best one of that rank for the entries it is learnt from (reduced-rank regression): with the
    Cholesky factor L of `square`, the leading part of Lᵀ w.
    """
    factor = linalg.cholesky(square, lower=True).astype(np.float32)
    scaled = linalg.solve_triangular(factor, both, lower=True)  # = Lᵀ w
    first = max(0, len(square) - RANK)
    _, leading = linalg.eigh(scaled @ scaled.T, subset_by_index=(first, len(square) - 1))
    weights = linalg.solve_triangular(factor.T, leading, lower=False)
    return weights.astype(np.float32), np.asarray(leading.T @ scaled, np.float32)


def add_correction(picture: U8, correction: F32, places: F32, where: F32) -> U8:
    """A picture (h, w, 3) with a shape-free correction.

    Args:
        places: (h, w, 2) of its pixels in the canonical space, in the usual shape.
        where: (h, w) 0..1, how much of it is added.
    """
    bent = cv2.remap(
        correction, to_cell_coords(places), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    change = cv2.multiply(bent, to_three_channels(where))
    return np.asarray(cv2.add(picture, change, dtype=cv2.CV_8U))
