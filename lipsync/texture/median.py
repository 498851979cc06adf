"""Mouth and chin as the weighted median of candidate frames, each warped to the wanted shape.

The paper takes the median of unwarped candidates, so more of them mean less flicker and more
blur. Here every candidate is first bent so that its lips, jaw line and anchors lie where they are
wanted; edges then coincide, and the median no longer pays for steadiness with sharpness. Each
candidate is resampled once, from its own footage straight to the target frame's pixel grid.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from lipsync.geometry import apply, mouth_outlines, nose, smoothed_points
from lipsync.texture.candidates import Candidates, describe
from lipsync.texture.source import TextureOptions, TextureSource
from lipsync.types import F32, I64, U8, Alignment, FaceTrack, LipTrack, MouthBank, Patch
from lipsync.warp import ThinPlate

GRID_STEP = 8  # pixels between the points at which the warp is evaluated
GRID_MOST = 26  # at most so many points across; large faces get a coarser grid
SMOOTHING = 1e-3  # λ of the warp: trust no single landmark


class MedianTexture(TextureSource):
    """Weighted median of the bank's candidates."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._options = options
        self._candidates = Candidates(bank, options.candidates)

    def patches(
        self, lips: LipTrack, track: FaceTrack, alignment: Alignment, frames: I64
    ) -> Iterator[Patch | None]:
        """See `TextureSource`."""
        pose = nose(track, alignment)
        shots = np.searchsorted(track.cuts, frames, side="right").astype(np.int64)
        at_frames = pose[frames]
        wanted = describe(lips.points, at_frames, shots, np.arange(len(frames)))
        own = smoothed_points(track, track.scheme.warp[18:])
        to_canonical = alignment.to_canonical
        outlines = mouth_outlines(track)
        for i, frame in enumerate(frames):
            if not (track.found[frame] and np.isfinite(lips.points[i]).all()):
                yield None
                continue
            inverse = to_canonical[frame]
            control = np.concatenate([lips.points[i], apply(inverse, own[frame])])
            entries, weights = self._candidates.choose(wanted[i])
            yield self._patch(control, outlines[frame], inverse, entries, weights)

    def _patch(
        self, control: F32, outline: F32, to_canonical: F32, entries: I64, weights: F32
    ) -> Patch:
        """One mouth: `control` (k, 2) are the wanted warp points, canonical."""
        corner, width, height = box_around(outline)
        grid = CoarseGrid(width, height)
        at = apply(to_canonical, grid.points + corner)
        if self._options.warp:
            places = ThinPlate(control, at, SMOOTHING).maps_to(self._bank.control[entries])
        else:
            places = np.stack([apply(to_crop, at) for to_crop in self._bank.to_crop[entries]])
        maps = grid.refined(places)
        stack = np.empty((len(entries), height, width, 3), np.uint8)
        for j, entry in enumerate(entries):
            stack[j] = cv2.remap(
                self._bank.crops[entry],
                maps[j],
                None,
                cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
        rgb = weighted_median(stack, weights)
        shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
        return Patch(rgb, np.ones((height, width), np.float32), shift)


def box_around(outline: F32) -> tuple[F32, int, int]:
    """The upright box of whole pixels around points (k, 2): corner (2,), width, height."""
    low, high = np.floor(outline.min(0)) - 1, np.ceil(outline.max(0)) + 1
    width, height = (high - low).astype(int) + 1
    return low.astype(np.float32), int(width), int(height)


class CoarseGrid:
    """Places in a picture at which a smooth map is evaluated, and its refinement to all pixels.

    The places are the centres of square cells; one cell more on every side keeps the border exact.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._step = max(GRID_STEP, int(np.ceil(max(width, height) / GRID_MOST)))
        self._cells = (-(-width // self._step) + 2, -(-height // self._step) + 2)
        x, y = ((np.arange(-1, n - 1) + 0.5) * self._step - 0.5 for n in self._cells)
        self.points: F32 = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)

    def refined(self, coarse: F32) -> list[F32]:
        """Bilinear refinement of maps (n, len(points), 2), each to (height, width, 2)."""
        (width, height), step, (columns, rows) = self._size, self._step, self._cells
        whole = (columns * step, rows * step)
        cut = slice(step, step + height), slice(step, step + width)
        return [
            cv2.resize(one.reshape(rows, columns, 2), whole, interpolation=cv2.INTER_LINEAR)[cut]
            for one in coarse
        ]


def weighted_median(stack: U8, weights: F32) -> U8:
    """Per element, the least value v such that entries ≤ v hold at least half of the weight.

    Bisection over the eight bits of the intensity: no sorting, bytes only. Weights are rounded to
    255ths (65535ths beyond 64 entries) with their sum kept.

    Args:
        stack: (n, ...) u8; weights: (n,), summing to 1.

    Returns:
        (...) u8.
    """
    n = len(stack)
    if n == 1:
        return np.asarray(stack[0].copy())
    kind = np.uint8 if n <= 64 else np.uint16
    total = int(np.iinfo(kind).max)
    # Rounding the running sum keeps the total exact and no weight off by more than one part.
    parts = np.diff(np.round(np.cumsum(weights) / np.sum(weights) * total), prepend=0).astype(kind)
    low = np.zeros(stack.shape[1:], np.uint8)
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        middle = low + np.uint8(bit - 1)
        held = np.zeros(low.shape, kind)
        for picture, part in zip(stack, parts, strict=True):
            if part:
                held += (picture <= middle) * part
        low += np.where(held <= total // 2, np.uint8(bit), np.uint8(0))
    return low
