"""Bias correction of the skin around a mouth, by regression on the whole bank.

The candidates are biased: their lips are warped to the wanted ones, but folds, shading and pose
remain those of mouths that are on average a little more open or closed, and so are the median's. A
smooth regression f from mouth descriptors to coarse, shape-free textures (the "shape-free patch" of
active appearance models) estimates that bias: f(wanted) − Σ wᵢ f(candidateᵢ), the bias correction
of matching estimators (Abadie and Imbens, 2011). It is added to the median outside the lips. Being
a smooth function of the wanted mouth, it does not flicker as candidates change.

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
RIDGE = 1e-5  # λ per entry, for descriptors in units of that distance and features of variance 1/n
MIN_ENTRIES, MAX_ENTRIES = 300, 2500  # used for training
RANK = 64  # basis pictures
AT_ONCE = 500  # entries whose pictures are in memory at a time
LIMIT = 24.0  # levels; larger corrections are neither folds nor shading


class Regression:
    """Predicts coarse shape-free pictures from descriptors."""

    def __init__(self, descriptors: F32, pictures: U8, gains: F32, usable: Bools) -> None:
        """Fit the regression.

        Args:
            descriptors: (m, d), of the bank's entries.
            pictures: (m, SIZE, SIZE, 3), shape-free.
            gains: (m, 3), that bring all pictures to one light.
            usable: (m,), which entries count; at least MIN_ENTRIES of them.
        """
        known = np.flatnonzero(usable)
        known = known[np.linspace(0, len(known) - 1, min(len(known), MAX_ENTRIES)).astype(int)]
        self._center = descriptors[known].mean(0)
        centered = descriptors - self._center
        self._spread = max(float(np.sqrt(np.square(centered[known]).sum(1).mean())), 1e-6)
        rng = np.random.default_rng(0)
        shape = (descriptors.shape[1], FEATURES)
        self._waves = rng.standard_normal(shape, np.float32) / np.float32(WIDTH * self._spread)
        self._phases = rng.uniform(0, 2 * np.pi, FEATURES).astype(np.float32)
        self._entries = self._features(descriptors)
        features = self._entries[known] - self._entries[known].mean(0)
        product = np.zeros((features.shape[1], pictures[0].size), np.float32)
        for some in np.array_split(np.arange(len(known)), -(-len(known) // AT_ONCE)):
            lit = np.asarray(pictures[known[some]], np.float32) * gains[known[some], None, None]
            # Pictures need not be centered, as the features are.
            product += features[some].T @ lit.reshape(len(some), -1)
        gram = (features.T @ features).astype(np.float64)
        gram[np.diag_indices_from(gram)] += RIDGE * len(known)
        self._weights, self._basis = _solve_reduced_rank(gram, product)

    def _features(self, descriptors: F32) -> F32:
        """Random Fourier features and the descriptors themselves, (..., FEATURES + d)."""
        centered = descriptors - self._center
        waves = np.cos(centered @ self._waves + self._phases) * np.float32(np.sqrt(2 / FEATURES))
        return np.concatenate([waves, centered / np.float32(self._spread)], -1).astype(np.float32)

    def predict_correction(self, wanted: F32, entries: I64, weights: F32) -> F32:
        """Predict wanted mouth minus candidates' mean, shape-free, (SIZE, SIZE, 3) levels.

        Args:
            wanted: (d,), descriptor.
            entries, weights: (n,), of the candidates.
        """
        bias = self._features(wanted) - weights @ self._entries[entries]
        correction = (bias @ self._weights @ self._basis).reshape(SIZE, SIZE, 3)
        return np.asarray(np.clip(correction, -LIMIT, LIMIT), np.float32)


def _solve_reduced_rank(gram: NDArray[np.float64], product: F32) -> tuple[F32, F32]:
    """Solve gram @ w = product (f, c) for w as a product (f, RANK) @ (RANK, c).

    The best solution of that rank for the training entries (reduced-rank regression): with the
    Cholesky factor L of `gram`, the leading part of Lᵀ w.
    """
    factor = linalg.cholesky(gram, lower=True).astype(np.float32)
    scaled = linalg.solve_triangular(factor, product, lower=True)  # = Lᵀ w
    first = max(0, len(gram) - RANK)
    _, leading = linalg.eigh(scaled @ scaled.T, subset_by_index=(first, len(gram) - 1))
    weights = linalg.solve_triangular(factor.T, leading, lower=False)
    return weights.astype(np.float32), np.asarray(leading.T @ scaled, np.float32)


def add_correction(picture: U8, correction: F32, coords: F32, mask: F32) -> U8:
    """Add a shape-free correction to a picture (h, w, 3).

    Args:
        correction: (SIZE, SIZE, 3), levels.
        coords: (h, w, 2), canonical, of the picture's pixels in the bank's mean shape.
        mask: (h, w), 0..1, how much of it is added.
    """
    warped = cv2.remap(
        correction, to_cell_coords(coords), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    change = cv2.multiply(warped, to_three_channels(mask))
    return np.asarray(cv2.add(picture, change, dtype=cv2.CV_8U))
