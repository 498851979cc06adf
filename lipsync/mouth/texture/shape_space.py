"""The space of a bank's shape-free pictures, and the maps into it and out of it.

A mouth's picture goes in and comes out again by one map and its exact inverse: two thin plates, one
fitted in either direction, do not undo each other, and what they miss by is drawn beside every lip.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from lipsync.face.thin_plate import SMOOTHING, CoarseGrid, ThinPlate
from lipsync.media.pixels import cell_means, reduction_factor
from lipsync.mouth.shape_free import REGION, Cells, mean_shape
from lipsync.runtime.threads import single_threaded_blas
from lipsync.types import F32, I64, U8, Alignment, MouthBank

# Cells per outer-eye distance: a little more than the footage's pixels, since a picture is
# resampled twice, and no more than the finest structure that many pictures share.
OVERSAMPLING, MIN_CELLS, MAX_CELLS = 1.5, 60, 100
STEP = 2  # cells between the points at which the map is evaluated: lips are 10 cells thick
# Newton steps of the inverse, the longest of them (outer-eye distances), and the smallest factor of
# area that is believed: between shut lips the map folds, and has no inverse.
ITERATIONS, LONGEST, MIN_AREA = 5, 0.03, 0.2
EXACT = 1e-4  # outer-eye distances, a hundredth of a pixel: no further step


@dataclass(frozen=True, eq=False)
class ShapeSpace:
    """The space of shape-free pictures: the mean shape, and how finely it is divided."""

    shape: F32  # (k, 2), control points, canonical
    cells: Cells

    @staticmethod
    def of(bank: MouthBank) -> ShapeSpace:
        """The space of a bank's pictures."""
        scale = OVERSAMPLING * float(np.median(Alignment(bank.to_crop).scale))
        across = round(float(np.clip(scale, MIN_CELLS, MAX_CELLS)) * (REGION[2] - REGION[0]))
        return ShapeSpace(mean_shape(bank.control, bank.to_crop), Cells(across))

    @cached_property
    def _grid(self) -> CoarseGrid:
        return CoarseGrid(self.cells.across, self.cells.across, step=STEP)

    @cached_property
    def _plate(self) -> ThinPlate:
        return ThinPlate(self.shape, self.cells.to_canonical(self._grid.points), SMOOTHING)

    def warp(self, bank: MouthBank, entries: I64) -> U8:
        """Warp entries (n,) to the mean shape, (n, s, s, 3)."""
        across, grid = self.cells.across, self._grid
        pictures = np.empty((len(entries), across, across, 3), np.uint8)
        scales = Alignment(bank.to_crop[entries]).scale
        with single_threaded_blas():
            for i, entry in enumerate(entries.tolist()):
                reduction = reduction_factor(float(scales[i]), round(1 / self.cells.size))
                crop = cell_means(np.asarray(bank.crops[entry]), reduction)
                coords = (self._plate.map_to(bank.control[entry]) + 0.5) / reduction - 0.5
                cv2.remap(
                    crop,
                    grid.upsample(coords.astype(np.float32)),
                    None,
                    cv2.INTER_CUBIC,
                    dst=pictures[i],
                    borderMode=cv2.BORDER_REPLICATE,
                )
        return pictures

    def locate(self, control: F32, points: F32, start: F32) -> F32:
        """Where points of a mouth lie in the mean shape: the inverse of `warp`'s map, by Newton.

        Args:
            control: (k, 2), of the mouth, canonical.
            points: (p, 2), canonical.
            start: (p, 2), where they lie about.

        Returns:
            (p, 2), canonical; where the map has no inverse, as near as was found.
        """
        grid = self._grid
        columns, rows = grid.cells
        mapped = self._plate.map_to(control.astype(np.float32)).reshape(rows, columns, 2)
        unit = STEP * self.cells.size  # canonical, between two points of the map
        corner = self.cells.to_canonical(grid.points[:1])
        best, nearest = start.copy(), np.full(len(points), np.inf, np.float32)
        left, at = np.arange(len(points)), start.astype(np.float32)  # points that are not there yet
        for _ in range(ITERATIONS + 1):
            there, slope = _sample_map(mapped, (at - corner) / np.float32(unit))
            missing = points[left] - there
            far = np.square(missing).sum(1)
            closer = far < nearest[left]
            best[left[closer]], nearest[left[closer]] = at[closer], far[closer]
            away = closer & (far > EXACT**2)  # a step that leads away found no inverse
            if not away.any():
                break
            left, at, missing, slope = left[away], at[away], missing[away], slope[away]
            xx, yx, xy, yy = slope.T / np.float32(unit)  # ∂x/∂x, ∂y/∂x, ∂x/∂y, ∂y/∂y
            area = xx * yy - xy * yx
            area = np.where(np.abs(area) < MIN_AREA, np.copysign(MIN_AREA, area), area)
            step = np.stack(
                [yy * missing[:, 0] - xy * missing[:, 1], xx * missing[:, 1] - yx * missing[:, 0]],
                axis=1,
            )
            at = at + np.clip(step / area[:, None], -LONGEST, LONGEST).astype(np.float32)
        return best


def _sample_map(mapped: F32, at: F32) -> tuple[F32, F32]:
    """Sample a map (rows, columns, 2) between its points, and its slopes there.

    Args:
        at: (p, 2), x and y in points of the map; what lies outside is on its border.

    Returns:
        (p, 2), bilinear, and (p, 4): by x, then by y. OpenCV's own interpolation knows 32 places
        between two points, too few for what is looked for.
    """
    rows, columns = mapped.shape[:2]
    at = np.clip(at, 0, np.array([columns - 1, rows - 1], np.float32))
    cell = np.minimum(at.astype(np.int64), [columns - 2, rows - 2])
    x, y = (at - cell).astype(np.float32).T[:, :, None]
    flat, first = mapped.reshape(-1, 2), cell[:, 1] * columns + cell[:, 0]
    left, right = flat[first], flat[first + 1]
    low, low_right = flat[first + columns], flat[first + columns + 1]
    top, bottom = left + x * (right - left), low + x * (low_right - low)
    by_x = (right - left) + y * ((low_right - low) - (right - left))
    return top + y * (bottom - top), np.concatenate([by_x, bottom - top], axis=1)
