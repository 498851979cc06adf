"""The bank's pictures as a wanted mouth needs them: bent to its shape, in its light.

Each is resampled once, from its own footage straight to the target frame's pixel grid.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from lipsync.face.thin_plate import CoarseGrid
from lipsync.mouth.texture.detail import Box
from lipsync.mouth.texture.selection import Selection, light_gains
from lipsync.mouth.texture.merge import weighted_mean
from lipsync.types import F32, I64, U8, CellMeans, MouthBank

MIN_GAIN = 0.006  # less changes no level by more than one
MIN_DETAIL_GAIN = 0.05  # less changes no detail by more than that
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as OpenCV has it
MAX_MEAN_ENTRIES = 48  # candidates, the nearest, that tell the finest detail: it is what costs most


class BankSampler:
    """One bank's pictures. Places are coarse maps (p, 2) of a grid, in pixels of the crops."""

    def __init__(self, bank: MouthBank) -> None:
        self._bank = bank
        # Plain arrays over the mapped files: an item of a memmap costs as much as a small picture.
        self._crops = CellMeans(np.asarray(bank.crops), 1)
        self._small = self._crops if bank.small is None else unmap(bank.small)
        self._luma = unmap(compute_luma(bank.crops) if bank.luma is None else bank.luma)

    def sample_colors(
        self,
        entries: I64,
        skin_color: F32 | None,
        places: F32,
        grid: CoarseGrid,
        reduction: int,
        how: int,
    ) -> U8:
        """All of them, reduced, (n, h, w, 3); `how`: OpenCV's interpolation."""
        cells = self._crops if reduction == 1 else self._small
        gains = light_gains(self._bank, entries, skin_color)
        stack = np.empty((len(entries), *grid.shape(reduction), 3), np.uint8)
        bent = _warp(cells, entries, places, grid, reduction, how)
        for i, picture in enumerate(bent):
            stack[i] = apply_gain(picture, gains[i], MIN_GAIN)
        return stack

    def sample_mean_luma(
        self,
        selection: Selection,
        skin_color: F32 | None,
        places: F32,
        grid: CoarseGrid,
        reduction: int,
        how: int,
    ) -> F32:
        """What the nearest candidates share, reduced, (h, w)."""
        some, weights = selection.entries[:MAX_MEAN_ENTRIES], selection.weights[:MAX_MEAN_ENTRIES]
        weights = weights / weights.sum()
        bent = _warp(self._luma, some, places[:MAX_MEAN_ENTRIES], grid, reduction, how)
        mean = weighted_mean(bent, weights)
        mean *= float(weights @ light_gains(self._bank, some, skin_color) @ LUMA)
        return mean

    def sample_lumas(
        self, entries: I64, skin_color: F32 | None, places: F32, grid: CoarseGrid
    ) -> U8:
        """Of single entries, (n, h, w)."""
        gains = light_gains(self._bank, entries, skin_color) @ LUMA
        made = []
        for entry, gain, where in zip(entries.tolist(), gains, places, strict=True):
            gray = cv2.cvtColor(self._crops.pictures[entry], cv2.COLOR_RGB2GRAY)
            made.append(apply_gain(remap(gray, grid.upsample(where)), gain, MIN_DETAIL_GAIN))
        return np.stack(made)

    def sample_part(
        self, entry: int, skin_color: F32 | None, place: F32, grid: CoarseGrid, box: Box
    ) -> U8:
        """What one entry shows within a box, (bh, bw, 3)."""
        gains = light_gains(self._bank, np.array([entry]), skin_color)[0]
        picture = remap(self._crops.pictures[entry], grid.upsample(place)[box])
        return apply_gain(picture, gains, MIN_DETAIL_GAIN)


def _warp(
    cells: CellMeans, entries: I64, places: F32, grid: CoarseGrid, reduction: int, how: int
) -> Iterator[U8]:
    """Entries in a frame's shape, one by one, each to be used before the next."""
    places = np.asarray((places + 0.5) / cells.across - 0.5, np.float32)
    buffer = np.empty((*grid.shape(reduction), *cells.pictures.shape[3:]), np.uint8)
    for where, entry in zip(places, entries.tolist(), strict=True):
        yield remap(cells.pictures[entry], grid.upsample(where, reduction), buffer, how)


def unmap(cells: CellMeans) -> CellMeans:
    """The same in plain memory, or mapped by a plain array."""
    return CellMeans(np.asarray(cells.pictures), cells.across)


def compute_luma(crops: U8) -> CellMeans:
    """The luma of a bank that was made without it."""
    return CellMeans(np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in crops]), 1)


def apply_gain(picture: U8, gains: F32, least: float) -> U8:
    """A picture in another light: times `gains`, (3,) or (), if they change more than `least`."""
    if np.abs(gains - 1).max() <= least:
        return picture
    factor = (*np.atleast_1d(gains).tolist(), 0.0) if picture.ndim == 3 else float(gains)
    return np.asarray(cv2.multiply(picture, factor))


def remap(crop: U8, places: F32, out: U8 | None = None, interpolation: int = cv2.INTER_CUBIC) -> U8:
    """The crop's colours, or its luma, at places (h, w, 2)."""
    found = cv2.remap(crop, places, None, interpolation, dst=out, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)
