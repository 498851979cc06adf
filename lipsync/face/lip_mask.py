"""Masks of the inside of the lips."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.types import F32

INNER = [12, 13, 14, 15, 16, 17]  # lip points: the closed outline of the inner lips


def inside_lips(lips: F32, shape: tuple[int, int], softness: float) -> F32:
    """How much of every pixel (h, w) lies inside the inner lips, 0..1.

    Args:
        lips: (18, 2) pixels.
        softness: σ of the border, pixels.
    """
    mask = np.zeros(shape, np.uint8)
    shift = 4
    inner = np.round(lips[INNER] * (1 << shift)).astype(np.int32)
    cv2.fillPoly(mask, [inner], 255, cv2.LINE_AA, shift)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(softness, 0.5)))
