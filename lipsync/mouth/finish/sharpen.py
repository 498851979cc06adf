"""Edge strength of a person's own mouths, and sharpening a new mouth to that.

Symbols: s sampled bank entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale
from lipsync.media.pixels import crop_replicated
from lipsync.types import F32, N_LIPS, U8, MouthBank

MAX_ENTRIES = 400  # bank entries whose sharpness is measured
# Outer-eye distances: σ of the Gaussians whose difference holds the edges of lips and teeth.
EDGE_BAND = (0.01, 0.03)
NEIGHBORS = 8  # bank entries of similar shape that predict the sharpness of a mouth
MIN_SIGMA = 0.3  # pixels
MIN_SHARE = 0.01  # less sharpening changes nothing visible


@dataclass(frozen=True, eq=False)
class Sharpness:
    """Sharpness of s of the person's own mouths, by lip shape."""

    lips: F32  # (s, 18, 2), canonical
    edges: F32  # (s,), levels, from `measure_edges`; independent of the face's size

    def expected(self, lips: F32) -> float:
        """Expected edge strength of lips (18, 2): the mean of the NEIGHBORS nearest shapes."""
        distances = np.square(self.lips - lips).sum((1, 2))
        nearest = np.argpartition(distances, min(NEIGHBORS, len(distances)) - 1)[:NEIGHBORS]
        return float(self.edges[nearest].mean())


def learn_sharpness(bank: MouthBank) -> Sharpness:
    """Measure the sharpness of up to MAX_ENTRIES usable entries, spread over the footage."""
    good = np.flatnonzero(bank.quality > 0)
    some = good[np.linspace(0, len(good) - 1, min(len(good), MAX_ENTRIES)).astype(int)]
    edges = [
        measure_edges(bank.crops[e], bank.control[e, :N_LIPS], affine_scale(bank.to_crop[e]))
        for e in some
    ]
    return Sharpness(bank.lips[some], np.array(edges, np.float32))


def measure_edges(picture: U8, lips: F32, scale: float) -> float:
    """Measure the standard deviation of the luma in EDGE_BAND over the mouth, levels.

    Args:
        lips: (18, 2), pixels of the picture.
        scale: pixels per outer-eye distance.
    """
    margin = 3 * EDGE_BAND[1] * scale  # the reach of the coarse Gaussian
    low = np.floor(lips.min(0) - margin).astype(np.float32)
    width, height = (np.ceil(lips.max(0) + margin) - low).astype(int).tolist()
    gray = cv2.cvtColor(crop_replicated(picture, low, width, height), cv2.COLOR_RGB2GRAY)
    fine, coarse = (
        cv2.GaussianBlur(gray.astype(np.float32), (0, 0), max(sigma * scale, MIN_SIGMA))
        for sigma in EDGE_BAND
    )
    return float((fine - coarse).std())


def raise_edges(rgb: U8, share: float, scale: float) -> U8:
    """Sharpen a picture: add a share of its EDGE_BAND.

    Args:
        scale: pixels per outer-eye distance.
    """
    if share < MIN_SHARE:
        return rgb
    fine, coarse = (
        cv2.GaussianBlur(rgb, (0, 0), max(sigma * scale, MIN_SIGMA)) for sigma in EDGE_BAND
    )
    band = cv2.subtract(fine, coarse, dtype=cv2.CV_32F)
    return np.asarray(np.clip(np.rint(rgb + share * band), 0, 255), np.uint8)
