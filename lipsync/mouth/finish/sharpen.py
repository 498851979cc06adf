"""How sharp a person's own mouths are, and raising the edges of a new one to that.

Symbols: s sampled bank entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale
from lipsync.media.pixels import crop_replicated
from lipsync.types import F32, N_LIPS, U8, MouthBank

MAX_ENTRIES = 400  # bank entries among which a row is looked for, and sharpness is learnt from
EDGE_BAND = (0.01, 0.03)  # outer-eye distances: σ of the Gaussians between which edges of lips lie
NEIGHBORS = 8  # mouths of like shape that tell how sharp a mouth should be


@dataclass(frozen=True, eq=False)
class Sharpness:
    """How sharp the person's own mouths are, by their shape."""

    lips: F32  # (s, 18, 2), canonical
    edges: F32  # (s,), see `measure_edges`; outer-eye distances make it independent of the size

    def expected(self, lips: F32) -> float:
        """Of a mouth of this shape (18, 2): the mean of the ALIKE nearest."""
        off = np.square(self.lips - lips).sum((1, 2))
        nearest = np.argpartition(off, min(NEIGHBORS, len(off)) - 1)[:NEIGHBORS]
        return float(self.edges[nearest].mean())


def learn_sharpness(bank: MouthBank) -> Sharpness:
    """How sharp the footage's own mouths are, from LOOKED_AT entries spread over it."""
    good = np.flatnonzero(bank.quality > 0)
    some = good[np.linspace(0, len(good) - 1, min(len(good), MAX_ENTRIES)).astype(int)]
    found = [
        measure_edges(bank.crops[e], bank.control[e, :N_LIPS], affine_scale(bank.to_crop[e]))
        for e in some
    ]
    return Sharpness(bank.lips[some], np.array(found, np.float32))


def measure_edges(picture: U8, lips: F32, scale: float) -> float:
    """Standard deviation of the luma's band EDGES over the mouth, levels.

    Args:
        lips: (18, 2) pixels of the picture.
        scale: pixels per outer-eye distance.
    """
    margin = 3 * EDGE_BAND[1] * scale
    low = np.floor(lips.min(0) - margin).astype(np.float32)
    width, height = (np.ceil(lips.max(0) + margin) - low).astype(int).tolist()
    gray = cv2.cvtColor(crop_replicated(picture, low, width, height), cv2.COLOR_RGB2GRAY)
    fine, coarse = (
        cv2.GaussianBlur(gray.astype(np.float32), (0, 0), max(sigma * scale, 0.3))
        for sigma in EDGE_BAND
    )
    return float((fine - coarse).std())


def raise_edges(rgb: U8, share: float, scale: float) -> U8:
    """A patch with its edges raised by a share of themselves."""
    if share < 0.01:
        return rgb
    fine, coarse = (cv2.GaussianBlur(rgb, (0, 0), max(sigma * scale, 0.3)) for sigma in EDGE_BAND)
    band = cv2.subtract(fine, coarse, dtype=cv2.CV_32F)
    return np.asarray(np.clip(np.rint(rgb + share * band), 0, 255), np.uint8)
