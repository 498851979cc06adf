"""The space of shape-free pictures: mouths, all warped to the person's mean shape.

The "shape-free patch" of active appearance models (Cootes, Edwards and Taylor, 1998): every cell
shows the same piece of skin in every picture, so that pictures can be averaged and regressed.
"""

from __future__ import annotations

import numpy as np

from lipsync.face.similarity import apply_affine
from lipsync.types import F32, Alignment

SIZE = 64  # cells across a coarse picture, as of masks
REGION = (-0.8, 0.1, 0.8, 1.7)  # left, top, right, bottom, canonical


def cell_centers() -> F32:
    """Centers of the cells, (SIZE², 2), canonical."""
    left, top, right, bottom = REGION
    steps = (np.arange(SIZE) + 0.5) / SIZE
    x, y = left + steps * (right - left), top + steps * (bottom - top)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)


def mean_shape(control: F32, to_crop: F32) -> F32:
    """Mean of all entries' control points, (k, 2), canonical.

    Args:
        control: (m, k, 2), pixels of the crops; to_crop: (m, 2, 3).
    """
    return np.asarray(apply_affine(Alignment(to_crop).to_canonical, control).mean(0), np.float32)
