"""Sample the bank's pictures for a wanted mouth: warped to its shape, corrected to its light.

Each picture is resampled once, from its own footage straight to the target frame's pixel grid.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from lipsync.face.thin_plate import CoarseGrid
from lipsync.media.pixels import LUMA_WEIGHTS
from lipsync.mouth.texture.detail import Box
from lipsync.mouth.texture.light import light_gains
from lipsync.mouth.texture.merge import weighted_mean
from lipsync.mouth.texture.selection import Selection
from lipsync.types import F32, I64, U8, CellMeans, MouthBank

# Deviations of a gain from 1 that are corrected: less changes colors by about one level, and detail
# by 5 % at most.
MIN_GAIN, MIN_DETAIL_GAIN = 0.006, 0.05
LUMA = np.array(LUMA_WEIGHTS, np.float32)
MAX_MEAN_ENTRIES = 48  # nearest candidates in the mean luma, the most expensive step


class BankSampler:
    """Samples one bank's pictures; p points of a coarse grid, whose maps are in crop pixels."""

    def __init__(self, bank: MouthBank) -> None:
        self._bank = bank
        # Plain arrays over the mapped files: indexing a memmap costs as much as a small picture.
        self._crops = CellMeans(np.asarray(bank.crops), 1)
        self._small = self._crops if bank.small is None else unmap(bank.small)
        self._luma = unmap(compute_luma(bank.crops) if bank.luma is None else bank.luma)

    def sample_colors(
        self,
        entries: I64,
        skin_color: F32 | None,
        coords: F32,
        grid: CoarseGrid,
        reduction: int,
        interpolation: int,
    ) -> U8:
        """Sample entries in color, reduced, (n, h, w, 3).

        Args:
            entries: (n,).
            skin_color: (3,), to correct the entries' light to; None: leave it.
            coords: (n, p, 2), of the grid's points in each crop.
            interpolation: OpenCV's constant.
        """
        cells = self._crops if reduction == 1 else self._small
        gains = light_gains(self._bank, entries, skin_color)
        stack = np.empty((len(entries), *grid.shape(reduction), 3), np.uint8)
        warped = _warp(cells, entries, coords, grid, reduction, interpolation)
        for i, picture in enumerate(warped):
            stack[i] = apply_gain(picture, gains[i], MIN_GAIN)
        return stack

    def sample_mean_luma(
        self,
        selection: Selection,
        skin_color: F32 | None,
        coords: F32,
        grid: CoarseGrid,
        reduction: int,
        interpolation: int,
    ) -> F32:
        """Mean luma of the nearest candidates, reduced, (h, w); arguments as `sample_colors`."""
        some, weights = selection.entries[:MAX_MEAN_ENTRIES], selection.weights[:MAX_MEAN_ENTRIES]
        weights = weights / weights.sum()
        warped = _warp(self._luma, some, coords[:MAX_MEAN_ENTRIES], grid, reduction, interpolation)
        mean = weighted_mean(warped, weights)
        mean *= float(weights @ light_gains(self._bank, some, skin_color) @ LUMA)
        return mean

    def sample_lumas(
        self, entries: I64, skin_color: F32 | None, coords: F32, grid: CoarseGrid
    ) -> U8:
        """Luma of single entries in full size, (n, h, w)."""
        gains = light_gains(self._bank, entries, skin_color) @ LUMA
        lumas = []
        for entry, gain, at in zip(entries.tolist(), gains, coords, strict=True):
            gray = cv2.cvtColor(self._crops.pictures[entry], cv2.COLOR_RGB2GRAY)
            lumas.append(apply_gain(remap(gray, grid.upsample(at)), gain, MIN_DETAIL_GAIN))
        return np.stack(lumas)

    def sample_part(
        self, entry: int, skin_color: F32 | None, coords: F32, grid: CoarseGrid, box: Box
    ) -> U8:
        """One entry in color within a box, (bh, bw, 3); `coords`: (p, 2)."""
        gains = light_gains(self._bank, np.array([entry]), skin_color)[0]
        picture = remap(self._crops.pictures[entry], grid.upsample(coords)[box])
        return apply_gain(picture, gains, MIN_DETAIL_GAIN)


def _warp(
    cells: CellMeans,
    entries: I64,
    coords: F32,
    grid: CoarseGrid,
    reduction: int,
    interpolation: int,
) -> Iterator[U8]:
    """Warp entries one by one into one buffer: use each before the next."""
    coords = np.asarray((coords + 0.5) / cells.across - 0.5, np.float32)
    buffer = np.empty((*grid.shape(reduction), *cells.pictures.shape[3:]), np.uint8)
    for at, entry in zip(coords, entries.tolist(), strict=True):
        yield remap(cells.pictures[entry], grid.upsample(at, reduction), buffer, interpolation)


def unmap(cells: CellMeans) -> CellMeans:
    """Replace a memory map by a plain array over it."""
    return CellMeans(np.asarray(cells.pictures), cells.across)


def compute_luma(crops: U8) -> CellMeans:
    """Luma (m, h, w) of crops, for a bank built without it."""
    return CellMeans(np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in crops]), 1)


def apply_gain(picture: U8, gains: F32, least: float) -> U8:
    """Multiply a picture by gains, (3,) or (), unless all are within `least` of 1."""
    if np.abs(gains - 1).max() <= least:
        return picture
    factor = (*np.atleast_1d(gains).tolist(), 0.0) if picture.ndim == 3 else float(gains)
    return np.asarray(cv2.multiply(picture, factor))


def remap(crop: U8, coords: F32, out: U8 | None = None, interpolation: int = cv2.INTER_CUBIC) -> U8:
    """Sample a crop, color or luma, at coordinates (h, w, 2); beyond it its edge repeats."""
    found = cv2.remap(crop, coords, None, interpolation, dst=out, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)
