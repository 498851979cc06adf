"""The space of occlusion masks: the cells of shape-free pictures, before the face's own shape.

A mask is (SIZE, SIZE) uint8, 0: the face is seen … 255: something lies before it.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import compose_affine
from lipsync.mouth.shape_free import Cells
from lipsync.types import F32, U8

CELLS = Cells(96)  # one or two pixels of a face in 720p
SIZE = CELLS.across


def fill(points: F32) -> U8:
    """A mask of a polygon (k, 2), canonical: 1 inside, 0 outside."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(CELLS.to_cells(points)).astype(np.int32)], 1)
    return mask


def grow(mask: U8, by: float) -> U8:
    """Dilate a mask by a distance, outer-eye distances."""
    cells = round(by / CELLS.size)
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
    size, first = CELLS.size, CELLS.to_canonical(np.zeros(2, np.float32))
    to_canonical = np.array([[size, 0, first[0]], [0, size, first[1]]], np.float32)
    to_box = compose_affine(to_frame, to_canonical)
    to_box[:, 2] -= box[:2]
    drawn = cv2.warpAffine(mask, to_box, box[2:], flags=cv2.INTER_LINEAR)
    return np.asarray(drawn / np.float32(255), np.float32)
