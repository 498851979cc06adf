"""Thin-plate warps of pictures, evaluated on a coarse grid.

A thin-plate spline through k point pairs is the smoothest map that takes one set of points near
the other: f(x) = A·[1, x] + Σ w_i U(|x − c_i|) with U(r) = r² log r. Its system matrix depends only
on the points of the picture being made, so one factorization serves every picture that is warped
onto them: another picture's landmarks are just another right-hand side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from lipsync.types import F32

Floats = NDArray[np.float64]

SMOOTHING = 1e-2  # λ of mouth warps: no single landmark is exact
GRID_STEP = 8  # pixels between the points at which a warp is evaluated, at least
MAX_GRID_POINTS = 26  # along the longer side; large faces get a coarser grid


def _kernel(d2: Floats) -> Floats:
    """U(r) = r² log r, from the squared distance."""
    return np.asarray(0.5 * d2 * np.log(np.maximum(d2, 1e-12)))


class ThinPlate:
    """Warps from a picture with given landmarks to pictures with other ones.

    Args:
        wanted: (k, 2) landmarks in the picture to be made, in units of about one face.
        at: (p, 2) coordinates in that picture at which the warp is evaluated (a coarse grid).
        smoothing: λ; 0 interpolates exactly, larger values trust single landmarks less.

    `map_to(points)` is linear in `points`, so the whole spline is one (p, k) matrix.
    """

    def __init__(self, wanted: F32, at: F32, smoothing: float = 1e-2) -> None:
        c = wanted.astype(np.float64)
        k = len(c)
        system = np.zeros((k + 3, k + 3))
        system[:k, :k] = _kernel(cdist(c, c, "sqeuclidean")) + smoothing * np.eye(k)
        system[:k, k:] = np.hstack([np.ones((k, 1)), c])
        system[k:, :k] = system[:k, k:].T
        x = at.astype(np.float64)
        basis = np.hstack([_kernel(cdist(x, c, "sqeuclidean")), np.ones((len(x), 1)), x])
        # basis @ inv(system) @ [points; 0]: only the k columns that meet the points are kept.
        self._matrix = np.linalg.solve(system.T, basis.T).T[:, :k].astype(np.float32)

    def map_to(self, points: F32) -> F32:
        """Map the coordinates `at` into a picture whose landmarks are `points`.

        Args:
            points: (..., k, 2).

        Returns:
            (..., p, 2).
        """
        return np.asarray(self._matrix @ points)


class CoarseGrid:
    """Grid of points in a picture at which a smooth map is evaluated, and its upsampling.

    Points are the centers of square cells; one extra cell on every side keeps the border exact.
    """

    def __init__(
        self, width: int, height: int, reduction: int = 1, step: int | None = None
    ) -> None:
        """Lay the grid.

        Args:
            reduction: factor by which pictures to be upsampled to may be smaller.
            step: pixels between points, rounded up to a multiple of it; default: by the size.
        """
        self.width, self.height = width, height
        if step is None:
            step = max(GRID_STEP, int(np.ceil(max(width, height) / MAX_GRID_POINTS)))
        self.step = -(-step // reduction) * reduction
        self.cells = (-(-width // self.step) + 2, -(-height // self.step) + 2)
        x, y = ((np.arange(-1, n - 1) + 0.5) * self.step - 0.5 for n in self.cells)
        self.points: F32 = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)

    def shape(self, reduction: int = 1) -> tuple[int, int]:
        """Height and width of the picture, or of one smaller by a factor."""
        return self.height // reduction, self.width // reduction

    def upsample(self, coarse: F32, reduction: int = 1) -> F32:
        """Upsample a map (len(points), 2) bilinearly to (height, width, 2) or a fraction of it."""
        step, (columns, rows) = self.step // reduction, self.cells
        fine = cv2.resize(
            coarse.reshape(rows, columns, 2),
            (columns * step, rows * step),
            interpolation=cv2.INTER_LINEAR,
        )
        height, width = self.shape(reduction)
        return np.asarray(fine[step : step + height, step : step + width])
