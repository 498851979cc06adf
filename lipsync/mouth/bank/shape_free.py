"""Mouths without their shape: coarse pictures, all bent to one person's usual lips and jaw.

The "shape-free patch" of active appearance models (Cootes, Edwards and Taylor, 1998): every cell
shows the same piece of skin in every picture, so that pictures can be added and regressed.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import apply_affine
from lipsync.face.thin_plate import SMOOTHING, ThinPlate
from lipsync.types import F32, U8, Alignment

SIZE = 64  # cells across: a fold is one or two wide
REGION = (-0.8, 0.1, 0.8, 1.7)  # of the canonical space: left, top, right, bottom


def cell_centers() -> F32:
    """The cells' centres in the canonical space, (SIZE², 2)."""
    left, top, right, bottom = REGION
    steps = (np.arange(SIZE) + 0.5) / SIZE
    x, y = left + steps * (right - left), top + steps * (bottom - top)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)


def to_cell_coords(places: F32) -> F32:
    """Which cell lies at places (..., 2) of the canonical space, fractions, x and y."""
    corner = np.array(REGION[:2], np.float32)
    size = np.array(REGION[2:], np.float32) - corner
    return np.asarray((places - corner) * (SIZE / size) - np.float32(0.5), np.float32)


def mean_shape(control: F32, to_crop: F32) -> F32:
    """The mean of all entries' warp points (m, k, 2), canonical, (k, 2)."""
    return np.asarray(apply_affine(Alignment(to_crop).to_canonical, control).mean(0), np.float32)


def warp_to_mean_shape(crops: U8, reduction: int, control: F32, usual: F32) -> U8:
    """Every crop bent to the usual shape, coarse, (m, SIZE, SIZE, 3)."""
    plate = ThinPlate(usual, cell_centers(), SMOOTHING)
    made = np.empty((len(crops), SIZE, SIZE, 3), np.uint8)
    for i in range(len(crops)):
        # A cell takes in some two pixels; the mean of two lies half a pixel before its own place.
        places = ((plate.map_to(control[i]) + 0.5) / reduction).astype(np.float32)
        soft = cv2.blur(crops[i], (2, 2))
        cv2.remap(
            soft,
            places.reshape(SIZE, SIZE, 2),
            None,
            cv2.INTER_LINEAR,
            dst=made[i],
            borderMode=cv2.BORDER_REPLICATE,
        )
    return made
