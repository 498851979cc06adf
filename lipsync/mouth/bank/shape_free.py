"""Shape-free textures: coarse pictures of mouths, all warped to the person's mean shape.

The "shape-free patch" of active appearance models (Cootes, Edwards and Taylor, 1998): every cell
shows the same piece of skin in every picture, so that pictures can be averaged and regressed.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import apply_affine
from lipsync.face.thin_plate import SMOOTHING, ThinPlate
from lipsync.types import F32, U8, Alignment

SIZE = 64  # cells across: folds are one or two cells wide
REGION = (-0.8, 0.1, 0.8, 1.7)  # left, top, right, bottom, canonical


def cell_centers() -> F32:
    """Centers of the cells, (SIZE², 2), canonical."""
    left, top, right, bottom = REGION
    steps = (np.arange(SIZE) + 0.5) / SIZE
    x, y = left + steps * (right - left), top + steps * (bottom - top)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)


def to_cell_coords(points: F32) -> F32:
    """Convert canonical points (..., 2) to fractional cell coordinates, x and y."""
    corner = np.array(REGION[:2], np.float32)
    size = np.array(REGION[2:], np.float32) - corner
    return np.asarray((points - corner) * (SIZE / size) - np.float32(0.5), np.float32)


def mean_shape(control: F32, to_crop: F32) -> F32:
    """Mean of all entries' control points, (k, 2), canonical.

    Args:
        control: (m, k, 2), pixels of the crops; to_crop: (m, 2, 3).
    """
    return np.asarray(apply_affine(Alignment(to_crop).to_canonical, control).mean(0), np.float32)


def warp_to_mean_shape(crops: U8, reduction: int, control: F32, shape: F32) -> U8:
    """Warp every crop to the mean shape, coarsely, (m, SIZE, SIZE, 3).

    Args:
        crops: (m, h, w, 3), smaller than the original crops by `reduction`.
        control: (m, k, 2), pixels of the original crops.
        shape: (k, 2), from `mean_shape`.
    """
    plate = ThinPlate(shape, cell_centers(), SMOOTHING)
    textures = np.empty((len(crops), SIZE, SIZE, 3), np.uint8)
    for i in range(len(crops)):
        # A cell covers about two pixels; the mean of two lies half a pixel before its coordinates.
        coords = ((plate.map_to(control[i]) + 0.5) / reduction).astype(np.float32)
        blurred = cv2.blur(crops[i], (2, 2))
        cv2.remap(
            blurred,
            coords.reshape(SIZE, SIZE, 2),
            None,
            cv2.INTER_LINEAR,
            dst=textures[i],
            borderMode=cv2.BORDER_REPLICATE,
        )
    return textures
