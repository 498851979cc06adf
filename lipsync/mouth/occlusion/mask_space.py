"""The space of occlusion masks: cells over the lower face, canonical.

A mask is (SIZE, SIZE) uint8, 0: the face is seen … 255: something lies before it.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import compose_affine
from lipsync.types import F32, U8

REGION = (-0.8, 0.1, 0.8, 1.7)  # left, top, right, bottom, canonical; that of `bank.shape_free`
SIZE = 96  # cells across: one or two pixels of a face in 720p
CELL = (REGION[2] - REGION[0]) / SIZE  # outer-eye distances


def grid_points(across: int) -> F32:
    """Centers of across × across equal parts of the region, (across², 2), canonical."""
    left, top, right, bottom = REGION
    steps = (np.arange(across) + 0.5) / across
    x, y = left + steps * (right - left), top + steps * (bottom - top)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)


def to_cells(points: F32, size: int = SIZE) -> F32:
    """Convert canonical points (..., 2) to fractional coordinates of size × size cells."""
    corner = np.array(REGION[:2], np.float32)
    across = np.array(REGION[2:], np.float32) - corner
    return np.asarray((points - corner) * (size / across) - np.float32(0.5), np.float32)


def fill(points: F32, size: int = SIZE) -> U8:
    """A mask (size, size) of a polygon (k, 2), canonical: 1 inside, 0 outside."""
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(to_cells(points, size)).astype(np.int32)], 1)
    return mask


def grow(mask: U8, by: float, size: int = SIZE) -> U8:
    """Dilate a mask by a distance, outer-eye distances."""
    cells = round(by * size / (REGION[2] - REGION[0]))
    if cells < 1:
        return mask
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * cells + 1, 2 * cells + 1))
    return np.asarray(cv2.dilate(mask, disk))


def draw_in_frame(mask: U8, to_frame: F32, box: tuple[int, int, int, int]) -> F32:
    """Draw a mask on the pixels of a box of a frame, (height, width), 0..1.

    Args:
        to_frame: (2, 3), canonical → frame pixels.
        box: x, y, width, height.
    """
    left, top = REGION[0] + CELL / 2, REGION[1] + CELL / 2
    cells = np.array([[CELL, 0, left], [0, CELL, top]], np.float32)
    to_box = compose_affine(to_frame, cells)
    to_box[:, 2] -= box[:2]
    drawn = cv2.warpAffine(mask, to_box, box[2:], flags=cv2.INTER_LINEAR)
    return np.asarray(drawn / np.float32(255), np.float32)
