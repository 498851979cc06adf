"""Mask of the opening between the lips."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.media.pixels import fill_polygon
from lipsync.types import F32

INNER_LIPS = [12, 13, 14, 15, 16, 17]  # lip points: closed outline of the inner lips
OPENING = [0, 12, 13, 14, 6, 15, 16, 17]  # the same with the corners


def mask_inner_lips(lips: F32, shape: tuple[int, int], softness: float) -> F32:
    """Draw a soft mask (h, w) of what lies inside the inner lips, 0..1.

    Args:
        lips: (18, 2) pixels.
        softness: σ of the border, pixels; at least 0.5.
    """
    mask = np.zeros(shape, np.uint8)
    fill_polygon(mask, lips[INNER_LIPS])
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(softness, 0.5)))


def mask_opening(lips: F32, shape: tuple[int, int], softness: float) -> F32:
    """Draw a soft mask (h, w) of all that may show between the lips, up to their corners, 0..1.

    Args:
        lips: (18, 2) pixels.
        softness: σ of the border, pixels; at least 0.5. The mask reaches so far beyond the edge.
    """
    mask = np.zeros(shape, np.uint8)
    fill_polygon(mask, lips[OPENING])
    blurred = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), max(softness, 0.5))
    return np.asarray(np.minimum(2 * blurred, 1))
