"""The space of shape-free pictures: mouths, all warped to the person's mean shape.

The "shape-free patch" of active appearance models (Cootes, Edwards and Taylor, 1998): every cell
shows the same piece of skin in every picture, so that pictures can be compared and predicted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.face.similarity import apply_affine
from lipsync.types import F32, Alignment

REGION = (-0.8, 0.1, 0.8, 1.7)  # left, top, right, bottom, canonical; square
VALID_CELLS = 64  # across `MouthBank.valid`


@dataclass(frozen=True)
class Cells:
    """The region divided into across × across square cells."""

    across: int

    @property
    def size(self) -> float:
        """Of a cell, outer-eye distances."""
        return (REGION[2] - REGION[0]) / self.across

    def centers(self) -> F32:
        """Centers of the cells, (across², 2), canonical."""
        steps = (np.arange(self.across) + 0.5) * self.size
        x, y = REGION[0] + steps, REGION[1] + steps
        return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)

    def to_cells(self, points: F32) -> F32:
        """Convert canonical points (..., 2) to fractional cell coordinates, x and y."""
        corner = np.array(REGION[:2], np.float32)
        return np.asarray((points - corner) / np.float32(self.size) - np.float32(0.5))

    def to_canonical(self, cells: F32) -> F32:
        """Convert fractional cell coordinates (..., 2) to canonical points."""
        corner = np.array(REGION[:2], np.float32)
        return np.asarray((cells + np.float32(0.5)) * np.float32(self.size) + corner)


def mean_shape(control: F32, to_crop: F32) -> F32:
    """Mean of all entries' control points, (k, 2), canonical.

    Args:
        control: (m, k, 2), pixels of the crops; to_crop: (m, 2, 3).
    """
    return np.asarray(apply_affine(Alignment(to_crop).to_canonical, control).mean(0), np.float32)
