"""Mouth and chin as the weighted median of candidate frames, each warped to the wanted shape.

The paper takes the median of unwarped candidates, so more of them mean less flicker and more
blur. Here every candidate is first bent so that its lips, jaw line and anchors lie where they are
wanted; edges then coincide, and the median no longer pays for steadiness with sharpness. Each
candidate is resampled once, from its own footage straight to the target frame's pixel grid.

The finest detail is made of the luma alone, so that the median of a large face is taken of reduced
pictures: what it costs hardly grows with the resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.lip_mask import inside_lips
from lipsync.face.similarity import apply, scale_of
from lipsync.face.thin_plate import SMOOTHING, CoarseGrid, ThinPlate
from lipsync.face.tracked_face import mouth_outlines, nose, smoothed_points
from lipsync.media.pixels import FINE_SCALE, reduction_of
from lipsync.mouth.texture.bank_sampling import Entries
from lipsync.mouth.texture.detail import INSIDE_SOFT, Box, with_detail
from lipsync.mouth.texture.regression import added
from lipsync.mouth.texture.selection import Choice, Choosing
from lipsync.mouth.texture.source import TextureOptions, TextureSource
from lipsync.mouth.texture.weighted_median import unsoftened, weighted_median
from lipsync.runtime.positions import sample_at
from lipsync.types import (
    F32,
    I64,
    U8,
    Alignment,
    Bools,
    FaceTrack,
    LipTrack,
    MouthBank,
    Patch,
    Positions,
)

BLOCK = 500  # frames for which candidates are chosen at once
MANY = 16  # candidates whose offsets are as good as spread evenly


@dataclass(frozen=True, eq=False)
class Wanted:
    """One mouth as it is wanted in one frame."""

    control: F32  # (k, 2), the warp's points, canonical
    lips: F32  # (18, 2), pixels
    outline: F32  # (o, 2) of mouth and chin, pixels
    to_canonical: F32  # (2, 3)
    light: F32 | None  # (3,), colour of the frame's skin, levels; None: not known


@dataclass(frozen=True, eq=False)
class Drawn:
    """A patch, and what it was before the finest detail was laid on."""

    patch: Patch
    steady: U8  # (h, w, 3): the median alone


class MedianTexture(TextureSource):
    """Weighted median of the bank's candidates, with the detail that they share."""

    def __init__(self, bank: MouthBank, options: TextureOptions, device: str = "cpu") -> None:
        """`device` does not matter: no network takes part."""
        self._bank = bank
        self._options = options
        self._entries = Entries(bank)
        self._choosing = Choosing(bank, options)

    def patches(
        self,
        lips: LipTrack,
        track: FaceTrack,
        alignment: Alignment,
        frames: Positions,
        said: F32 | None = None,
        jaw: F32 | None = None,
    ) -> Iterator[Patch | None]:
        """See `TextureSource`."""
        for drawn in self.drawn(lips, track, alignment, frames, said, jaw):
            yield None if drawn is None else drawn.patch

    def drawn(
        self,
        lips: LipTrack,
        track: FaceTrack,
        alignment: Alignment,
        frames: Positions,
        said: F32 | None = None,
        jaw: F32 | None = None,
    ) -> Iterator[Drawn | None]:
        """The same as `patches`, each with its median before the detail."""
        if self._bank.said is None:
            said = None
        shown = sample_at(track.found, frames) & np.isfinite(lips.points).all((1, 2))
        stretch = runs_of(shown, np.searchsorted(track.cuts, frames, side="right"))
        pose = sample_at(nose(track, alignment), frames)
        light = None if self._bank.light is None else sample_at(self._bank.light, frames)
        scale = sample_at(alignment.scale, frames)
        wanted = self._choosing.described(lips.points, pose, stretch, scale, said, light)
        own = sample_at(smoothed_points(track, track.scheme.warp[18:]), frames)
        outlines = sample_at(mouth_outlines(track), frames)
        to_canonical, to_frame = (
            sample_at(alignment.to_canonical, frames),
            sample_at(alignment.to_frame, frames),
        )
        for block in _blocks(stretch):
            if not shown[block[0]]:
                yield from (None for _ in block)
                continue
            choices = self._choosing.choices(wanted[block], said is not None)
            for i, choice in zip(block, choices, strict=True):
                inverse = to_canonical[i]
                around, outline = own[i], outlines[i]
                if jaw is not None:
                    around, outline = around.copy(), outline.copy()
                    around[: jaw.shape[1]] += jaw[i]
                    outline[: jaw.shape[1]] += jaw[i]
                control = np.concatenate([lips.points[i], apply(inverse, around)])
                mouth = Wanted(
                    control=control,
                    lips=apply(to_frame[i], lips.points[i]),
                    outline=outline,
                    to_canonical=inverse,
                    light=None if light is None else light[i],
                )
                yield self._drawn(mouth, choice, self._distance(lips.points[i], choice.entries))

    def _distance(self, lips: F32, entries: I64) -> float:
        """Of the nearest of the entries' lips from the wanted ones, RMS."""
        off = np.square(self._bank.lips[entries] - lips).sum(-1).mean(-1)
        return float(np.sqrt(off.min()))

    def _drawn(self, mouth: Wanted, choice: Choice, distance: float) -> Drawn:
        entries, options = choice.entries, self._options
        scale = 1 / scale_of(mouth.to_canonical)
        detailed = options.detail > 0 and len(entries) > 1
        reduction = reduction_of(scale) if detailed else 1
        fine = reduction_of(scale, FINE_SCALE) if detailed else 1
        both = math.lcm(reduction, fine)
        corner, width, height = box_around(mouth.outline, both)
        grid = CoarseGrid(width, height, both)
        places, usual = self._warp(mouth.control, apply(mouth.to_canonical, grid.points + corner))
        # Of many pictures, each moved by another part of a pixel, linear interpolation is as good
        # as cubic and quicker: how much it softens them all is known.
        many = len(entries) >= MANY
        how = cv2.INTER_LINEAR if many else cv2.INTER_CUBIC
        at = places(entries)
        stack = self._entries.colours(entries, mouth.light, at, grid, reduction, how)
        rgb = steady = weighted_median(stack, choice.weights)
        if many:
            rgb = steady = unsoftened(rgb)
        inside = inside_lips(mouth.lips - corner, (height, width), INSIDE_SOFT * scale)
        if choice.correction is not None and usual is not None:
            # Inside them are teeth and tongue, which the lips' shape does not tell.
            skin = 1 - cv2.resize(inside, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
            rgb = steady = added(rgb, choice.correction, grid.refined(usual, reduction), skin)
        if detailed:
            if reduction > 1:
                steady = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
            mean = self._entries.mean_luma(choice, mouth.light, at, grid, fine, how)
            mean = enlarged(mean, grid, many)
            details = choice.details
            middle, there = len(details) // 2, places(details)
            lumas = self._entries.lumas(details, mouth.light, there, grid)

            def single(box: Box) -> U8:
                return self._entries.part(details[middle], mouth.light, there[middle], grid, box)

            rgb = with_detail(steady, mean, lumas, single, inside, scale, options.detail)
        shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
        whole = np.ones((height, width), np.float32)
        return Drawn(Patch(rgb, whole, shift, distance), steady)

    def _warp(self, control: F32, at: F32) -> tuple[Callable[[I64], F32], F32 | None]:
        """Tells where places (p, 2) of the canonical space lie in bank entries, (n, p, 2).

        And where they lie in the bank's usual shape, (p, 2), canonical; None: not known.
        """
        bank = self._bank
        if self._options.warp:
            plate = ThinPlate(control, at, SMOOTHING)
            usual = None if self._choosing.usual is None else plate.maps_to(self._choosing.usual)
            return lambda entries: plate.maps_to(bank.control[entries]), usual

        def shifted(entries: I64) -> F32:
            return np.stack([apply(to_crop, at) for to_crop in bank.to_crop[entries]])

        return shifted, None


def enlarged(mean: F32, grid: CoarseGrid, softened: bool) -> F32:
    """A mean picture in the grid's full size; `softened`: by linear interpolation."""
    sharp = unsoftened(mean) if softened else mean
    size = (grid.width, grid.height)
    if sharp.shape[::-1] == size:
        return sharp
    return np.asarray(cv2.resize(sharp, size, interpolation=cv2.INTER_CUBIC))


def runs_of(shown: Bools, shots: I64) -> I64:
    """A number for each run of frames that belong together: one shot, all shown or none, (n,)."""
    starts = (np.diff(shown) != 0) | (np.diff(shots) != 0)
    return np.concatenate([[0], np.cumsum(starts)]).astype(np.int64)


def _blocks(stretch: I64) -> Iterator[I64]:
    """The frames of each stretch, at most BLOCK at a time."""
    for run in np.split(np.arange(len(stretch)), np.flatnonzero(np.diff(stretch)) + 1):
        for first in range(0, len(run), BLOCK):
            yield run[first : first + BLOCK]


def box_around(outline: F32, multiple: int = 1) -> tuple[F32, int, int]:
    """The upright box of whole pixels around points (k, 2): corner (2,), width, height.

    Args:
        multiple: of which width and height are to be multiples.
    """
    low, high = np.floor(outline.min(0)) - 1, np.ceil(outline.max(0)) + 1
    width, height = -(-((high - low).astype(int) + 1) // multiple) * multiple
    return low.astype(np.float32), int(width), int(height)
