"""A person's appearance model: the picture of a mouth, predicted from its descriptor.

All of the bank's pictures are warped to their mean shape (the "shape-free patch" of active
appearance models: Cootes, Edwards and Taylor, 1998), so that every cell shows the same piece of
skin in all of them. Their principal components are predicted by Gaussian-process regression
(Rasmussen and Williams, 2006) from what candidates are compared by: lips in motion, sound, pose
and light. Unlike a median of the nearest mouths it uses what all of them have in common, weighs
none by its rank, and continues the trend beyond the mouths that were seen; measured in
docs/method.md §4. A smooth function of the wanted mouth does not flicker.

Symbols: m entries of the bank, d numbers of a descriptor, r components, s cells across a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from lipsync.types import F32, F64, I64, U8, Bools

MIN_ENTRIES, MAX_ENTRIES = 16, 2500  # used for the regression
MAX_SPANNING, RANK = 800, 128  # entries that span the components; components
BAND_CELLS = 1600  # of all pictures that are in memory as numbers
# Kernel: a squared exponential of a width in RMS distances of the bank's descriptors from their
# mean, plus LINEAR times their product. Width and noise (an entry's own variance), smoothest first:
# few mouths allow only a smooth function, many a closer one. They are chosen by cross-validation
# over FOLDS stretches of the footage, MARGIN_ENTRIES around each left out: neighboring frames are
# too similar to tell anything. A closer function must gain GAIN for its greater unrest.
LINEAR = 0.5
KERNELS = ((2.0, 0.5), (1.4, 0.3), (1.0, 0.2))
FOLDS, MARGIN_ENTRIES, GAIN = 6, 12, 0.02
MAX_COMPARED = 500  # entries in the cross-validation, spread evenly
# Components beyond what the person showed: by this share of the range that was seen.
MARGIN = 0.1


@dataclass(frozen=True, eq=False)
class Regression:
    """Gaussian-process regression of several values on descriptors."""

    width: float  # of the kernel
    center: F32  # (d,), mean of the descriptors
    spread: float  # their RMS distance from it
    known: F64  # (m, d), descriptors about the center, in units of the spread
    kernel_mean: F64  # (m,), of each entry's kernel with all
    total_mean: float
    usual: F64  # (r,), mean of the values
    weights: F64  # (m, r)

    @staticmethod
    def fit(descriptors: F32, values: F64, width: float, noise: float) -> Regression:
        """Fit the regression.

        Args:
            descriptors: (m, d); values: (m, r).
            width, noise: see KERNELS.
        """
        center = descriptors.mean(0)
        centered = descriptors - center
        spread = max(float(np.sqrt(np.square(centered).sum(1).mean())), 1e-6)
        known = (centered / spread).astype(np.float64)
        kernel = _kernel(known, known, width)
        kernel_mean, total_mean = kernel.mean(0), float(kernel.mean())
        kernel += total_mean - kernel_mean - kernel_mean[:, None]
        kernel[np.diag_indices_from(kernel)] += noise
        usual = values.mean(0)
        weights = linalg.cho_solve(linalg.cho_factor(kernel, lower=True), values - usual)
        return Regression(width, center, spread, known, kernel_mean, total_mean, usual, weights)

    def predict(self, wanted: F32) -> F64:
        """Predict the values (n, r) of wanted descriptors (n, d)."""
        points = ((wanted - self.center) / np.float32(self.spread)).astype(np.float64)
        kernel = _kernel(points, self.known, self.width)
        kernel += self.total_mean - self.kernel_mean - kernel.mean(1, keepdims=True)
        return np.asarray(self.usual + kernel @ self.weights)


def _kernel(points: F64, known: F64, width: float) -> F64:
    """Of points (n, d) with known ones (m, d), (n, m)."""
    product = points @ known.T
    norms = (points**2).sum(1)[:, None] + (known**2).sum(1)
    squared = np.maximum(norms - 2 * product, 0)
    return np.asarray(np.exp(-squared / (2 * width**2)) + LINEAR * product)


def _choose_regression(descriptors: F32, scores: F64) -> Regression:
    """The regression whose width and noise predict left-out stretches best."""
    some = np.linspace(0, len(scores) - 1, min(len(scores), MAX_COMPARED)).round().astype(np.int64)
    x, y, best = descriptors[some], scores[some], (np.inf, KERNELS[0])
    margin = -(-MARGIN_ENTRIES * len(some) // len(scores))
    at = np.arange(len(some))
    for kernel in KERNELS:
        error = 0.0
        for fold in np.array_split(at, FOLDS):
            near = (at >= fold[0] - margin) & (at <= fold[-1] + margin)
            if (~near).sum() < MIN_ENTRIES:
                return Regression.fit(descriptors, scores, *KERNELS[0])
            known = Regression.fit(x[~near], y[~near], *kernel)
            error += float(np.square(known.predict(x[fold]) - y[fold]).sum())
        if error < (1 - GAIN) * best[0]:
            best = error, kernel
    return Regression.fit(descriptors, scores, *best[1])


@dataclass(frozen=True, eq=False)
class LinearLook:
    """From an appearance model's components to what a linear function of its pictures gives."""

    base: F32  # (1, q), of the mean picture
    parts: F32  # (r, q), of every component

    def __call__(self, scores: F32) -> F32:
        """Of components (n, r), (n, q)."""
        return self.base + scores @ self.parts


@dataclass(frozen=True, eq=False)
class AppearanceModel:
    """Predicts shape-free pictures from descriptors."""

    shape: tuple[int, ...]  # of a picture: s, s, 3
    mean: F32  # (s · s · 3,)
    basis: F32  # (r, s · s · 3)
    regression: Regression
    low: F64  # (r,), components are predicted no lower
    high: F64  # (r,)

    @staticmethod
    def fit(descriptors: F32, pictures: U8, gains: F32) -> AppearanceModel:
        """Fit the model.

        Args:
            descriptors: (m, d), of at least MIN_ENTRIES entries.
            pictures: (m, s, s, 3), shape-free.
            gains: (m, 3), that bring all pictures to one light.
        """
        mean, basis, scores = _find_components(pictures, gains)
        regression = _choose_regression(descriptors, scores)
        low, high = scores.min(0), scores.max(0)
        low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
        return AppearanceModel(pictures.shape[1:], mean, basis, regression, low, high)

    def predict(self, wanted: F32) -> F32:
        """Predict components (n, r) of wanted descriptors (n, d)."""
        scores = self.regression.predict(wanted)
        return np.asarray(np.clip(scores, self.low, self.high), np.float32)

    def draw(self, scores: F32) -> F32:
        """Draw pictures (n, s, s, 3), levels, of components (n, r)."""
        pictures = self.mean + scores @ self.basis
        return np.asarray(pictures, np.float32).reshape(-1, *self.shape)

    def map_linearly(self, look: Callable[[F32], F32]) -> LinearLook:
        """What a linear function of pictures (n, s, s, 3) gives, (n, q), without drawing them.

        The function is taken once of the mean and of every component.
        """
        base = look(self.mean.reshape(1, *self.shape))
        return LinearLook(base, look(self.basis.reshape(-1, *self.shape)))


def _find_components(pictures: U8, gains: F32) -> tuple[F32, F32, NDArray[np.float64]]:
    """Principal components of pictures: their mean (p,), basis (r, p), and scores (m, r).

    A band of cells after the other, so that no more than that is in memory as numbers.
    """
    count = len(pictures)
    flat = pictures.reshape(count, -1, 3)
    cells = flat.shape[1]
    bands = [slice(at, min(at + BAND_CELLS, cells)) for at in range(0, cells, BAND_CELLS)]

    def lit(entries: I64 | slice, band: slice) -> F32:
        found = flat[entries, band].astype(np.float32)
        found *= gains[entries, None]
        return found.reshape(len(found), -1)

    def values_of(band: slice) -> slice:
        return slice(3 * band.start, 3 * band.stop)

    chosen = np.linspace(0, count - 1, min(count, MAX_SPANNING)).round().astype(np.int64)
    mean = np.empty(3 * cells, np.float32)
    products = np.zeros((len(chosen), len(chosen)))
    for band in bands:
        spanning = lit(chosen, band)
        mean[values_of(band)] = spanning.mean(0)
        spanning -= mean[values_of(band)]
        products += spanning @ spanning.T
    rank = min(RANK, len(chosen) - 1)
    values, vectors = linalg.eigh(
        products, subset_by_index=(len(chosen) - rank, len(chosen) - 1), overwrite_a=True
    )
    strong = values > values[-1] * 1e-6
    shares = (vectors[:, strong] / np.sqrt(values[strong])).T.astype(np.float32)
    basis = np.empty((len(shares), 3 * cells), np.float32)
    scores = np.zeros((count, len(shares)))
    for band in bands:
        every = lit(slice(None), band)
        every -= mean[values_of(band)]
        basis[:, values_of(band)] = part = shares @ every[chosen]
        scores += every @ part.T
    return mean, basis, scores


def fill_covered(pictures: U8, valid: Bools) -> U8:
    """Fill cells of pictures (n, s, s, 3) that do not show the person with the others' mean.

    Args:
        valid: (n, c, c), coarser.
    """
    size = pictures.shape[1:3]
    shown = np.stack(
        [cv2.resize(one.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) for one in valid]
    )
    count = np.maximum(shown.sum(0, dtype=np.float32), 1)[..., None]
    total = np.zeros(pictures.shape[1:], np.float32)
    for picture, where in zip(pictures, shown, strict=True):
        total += picture * where[..., None]
    mean = np.rint(total / count).astype(np.uint8)
    return np.where(shown[..., None] > 0, pictures, mean)
