"""Edge strength of a person's own mouths, and sharpening a new mouth to that.

The lips and what shows between them are measured and sharpened apart: teeth have harder edges, and
a prediction is softest there.

Symbols: s sampled bank entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.lip_mask import mask_opening
from lipsync.face.similarity import affine_scale
from lipsync.media.pixels import blur_reduced, crop_replicated, to_three_channels
from lipsync.types import F32, N_LIPS, U8, MouthBank

MAX_ENTRIES = 400  # bank entries whose sharpness is measured
# Outer-eye distances: σ of the Gaussians whose difference holds the edges of lips and teeth.
EDGE_BAND = (0.01, 0.03)
NEIGHBORS = 8  # bank entries of similar shape that predict the sharpness of a mouth
MIN_SIGMA = 0.3  # pixels
MIN_SHARE = 0.01  # less sharpening changes nothing visible
OPENING_SOFT = 0.01  # outer-eye distances: softness of the border between lips and opening
MIN_OPENING = 0.004  # squared outer-eye distances: a smaller opening is measured with the lips


@dataclass(frozen=True, eq=False)
class Sharpness:
    """Sharpness of s of the person's own mouths, by lip shape."""

    lips: F32  # (s, 18, 2), canonical
    # (s, 2), levels, from `measure_edges`; independent of the face's size; NaN: closed
    edges: F32

    def expected(self, lips: F32) -> F32:
        """Expected edge strength of lips (18, 2): the mean of the NEIGHBORS nearest shapes, (2,).

        NaN: none of them is open.
        """
        distances = np.square(self.lips - lips).sum((1, 2))
        nearest = np.argpartition(distances, min(NEIGHBORS, len(distances)) - 1)[:NEIGHBORS]
        known = np.isfinite(self.edges[nearest])
        sums = np.where(known, self.edges[nearest], 0).sum(0)
        counts = known.sum(0)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return np.asarray(means, np.float32)


def learn_sharpness(bank: MouthBank) -> Sharpness:
    """Measure the sharpness of up to MAX_ENTRIES usable entries, spread over the footage."""
    good = np.flatnonzero(bank.quality > 0)
    some = good[np.linspace(0, len(good) - 1, min(len(good), MAX_ENTRIES)).astype(int)]
    edges = [
        measure_edges(bank.crops[e], bank.control[e, :N_LIPS], affine_scale(bank.to_crop[e]))
        for e in some
    ]
    return Sharpness(bank.lips[some], np.array(edges, np.float32).reshape(-1, 2))


def measure_edges(picture: U8, lips: F32, scale: float) -> tuple[float, float]:
    """Measure the standard deviation of the luma in EDGE_BAND, levels: of mouth and of opening.

    Args:
        lips: (18, 2), pixels of the picture.
        scale: pixels per outer-eye distance.

    Returns:
        Over the whole mouth, and over what shows between the lips; NaN: it is closed.
    """
    margin = 3 * EDGE_BAND[1] * scale  # the reach of the coarse Gaussian
    low = np.floor(lips.min(0) - margin).astype(np.float32)
    width, height = (np.ceil(lips.max(0) + margin) - low).astype(int).tolist()
    gray = cv2.cvtColor(crop_replicated(picture, low, width, height), cv2.COLOR_RGB2GRAY)
    fine, coarse = (
        cv2.GaussianBlur(gray.astype(np.float32), (0, 0), max(sigma * scale, MIN_SIGMA))
        for sigma in EDGE_BAND
    )
    band = fine - coarse
    opening = mask_opening(lips - low, (height, width), OPENING_SOFT * scale)
    area = float(opening.sum())
    if area < MIN_OPENING * scale**2:
        return float(band.std()), float("nan")
    mean = float((opening * band).sum()) / area
    return float(band.std()), (float((opening * (band - mean) ** 2).sum()) / area) ** 0.5


def raise_edges(rgb: U8, shares: tuple[float, float], lips: F32, scale: float) -> U8:
    """Sharpen a picture: add shares of its EDGE_BAND, in general and between the lips.

    Args:
        lips: (18, 2), pixels.
        scale: pixels per outer-eye distance.
    """
    if max(shares) < MIN_SHARE:
        return rgb
    fine, coarse = (blur_reduced(rgb, max(sigma * scale, MIN_SIGMA)) for sigma in EDGE_BAND)
    band = cv2.subtract(fine, coarse, dtype=cv2.CV_32F)
    opening = mask_opening(lips, (rgb.shape[0], rgb.shape[1]), OPENING_SOFT * scale)
    share = to_three_channels(np.asarray(shares[0] + (shares[1] - shares[0]) * opening, np.float32))
    return np.asarray(np.clip(np.rint(rgb + share * band), 0, 255), np.uint8)
