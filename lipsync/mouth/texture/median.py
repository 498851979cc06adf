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

from lipsync.face.lip_mask import mask_inner_lips
from lipsync.face.similarity import apply_affine, affine_scale
from lipsync.face.thin_plate import SMOOTHING, CoarseGrid, ThinPlate
from lipsync.media.pixels import FINE_SCALE, reduction_factor
from lipsync.mouth.texture.bank_sampling import BankSampler
from lipsync.mouth.texture.detail import INSIDE_SOFT, Box, add_detail
from lipsync.mouth.texture.regression import add_correction
from lipsync.mouth.texture.selection import CandidateSelector, Selection
from lipsync.mouth.texture.source import TextureOptions, TextureSource
from lipsync.mouth.texture.merge import deblur_mean, weighted_median
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.types import (
    F32,
    I64,
    U8,
    Bools,
    MouthBank,
    Patch,
)

BLOCK = 500  # frames for which candidates are chosen at once
MIN_LINEAR = 16  # candidates whose offsets are as good as spread evenly


@dataclass(frozen=True, eq=False)
class MouthTarget:
    """One mouth as it is wanted in one frame."""

    control: F32  # (k, 2), the warp's points, canonical
    lips: F32  # (18, 2), pixels
    outline: F32  # (o, 2) of mouth and chin, pixels
    to_canonical: F32  # (2, 3)
    skin_color: F32 | None  # (3,), of the frame, levels; None: unknown


def _target_reader(wanted: WantedMouths) -> Callable[[int], MouthTarget]:
    """A function from an output frame to the mouth that is wanted in it."""
    target, offsets = wanted.target, wanted.jaw_offsets
    outlines = target.outlines()

    def target_of(i: int) -> MouthTarget:
        around, outline = target.surround[i], outlines[i]
        if offsets is not None:
            around, outline = around.copy(), outline.copy()
            around[: offsets.shape[1]] += offsets[i]
            outline[: offsets.shape[1]] += offsets[i]
        lips, inverse = wanted.lips.points[i], target.to_canonical[i]
        return MouthTarget(
            control=np.concatenate([lips, apply_affine(inverse, around)]),
            lips=apply_affine(target.to_frame[i], lips),
            outline=outline,
            to_canonical=inverse,
            skin_color=None if wanted.skin_color is None else wanted.skin_color[i],
        )

    return target_of


@dataclass(frozen=True, eq=False)
class MedianPatch:
    """A patch, and what it was before the finest detail was laid on."""

    patch: Patch
    steady: U8  # (h, w, 3): the median alone


class MedianTexture(TextureSource):
    """Weighted median of the bank's candidates, with the detail that they share."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._options = options
        self._sampler = BankSampler(bank)
        self._selector = CandidateSelector(bank, options)

    @classmethod
    def load_model(cls, options: TextureOptions, speakers: int, device: str) -> None:
        """Nothing: no network takes part."""

    @classmethod
    def open(cls, bank: MouthBank, options: TextureOptions, model: None = None) -> MedianTexture:
        """See `TextureSource`."""
        return cls(bank, options)

    def draw_patches(self, wanted: WantedMouths) -> Iterator[Patch | None]:
        """See `TextureSource`."""
        for drawn in self.draw(wanted):
            yield None if drawn is None else drawn.patch

    def draw(self, wanted: WantedMouths) -> Iterator[MedianPatch | None]:
        """The patches of `draw_patches`, each with its median before the detail."""
        run = number_runs(wanted.present, wanted.target.shots)
        descriptors = self._selector.describe(wanted, run)
        targets = _target_reader(wanted)
        for block in _split_into_blocks(run):
            if not wanted.present[block[0]]:
                yield from (None for _ in block)
                continue
            selections = self._selector.select(descriptors[block], wanted.phones is not None)
            for i, selection in zip(block, selections, strict=True):
                distance = self._distance(wanted.lips.points[i], selection.entries)
                yield self._draw(targets(i), selection, distance)

    def _distance(self, lips: F32, entries: I64) -> float:
        """Of the nearest of the entries' lips from the wanted ones, RMS."""
        off = np.square(self._bank.lips[entries] - lips).sum(-1).mean(-1)
        return float(np.sqrt(off.min()))

    def _draw(self, mouth: MouthTarget, chosen: Selection, distance: float) -> MedianPatch:
        entries, options = chosen.entries, self._options
        scale = 1 / affine_scale(mouth.to_canonical)
        detailed = options.detail > 0 and len(entries) > 1
        reduction = reduction_factor(scale) if detailed else 1
        fine = reduction_factor(scale, FINE_SCALE) if detailed else 1
        both = math.lcm(reduction, fine)
        corner, width, height = bounding_box(mouth.outline, both)
        grid = CoarseGrid(width, height, both)
        places, usual = self._warp(mouth.control, apply_affine(mouth.to_canonical, grid.points + corner))
        # Of many pictures, each moved by another part of a pixel, linear interpolation is as good
        # as cubic and quicker: how much it softens them all is known.
        many = len(entries) >= MIN_LINEAR
        how = cv2.INTER_LINEAR if many else cv2.INTER_CUBIC
        at = places(entries)
        stack = self._sampler.sample_colors(entries, mouth.skin_color, at, grid, reduction, how)
        rgb = steady = weighted_median(stack, chosen.weights)
        if many:
            rgb = steady = deblur_mean(rgb)
        inside = mask_inner_lips(mouth.lips - corner, (height, width), INSIDE_SOFT * scale)
        if chosen.correction is not None and usual is not None:
            # Inside them are teeth and tongue, which the lips' shape does not tell.
            skin = 1 - cv2.resize(inside, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)
            rgb = steady = add_correction(rgb, chosen.correction, grid.upsample(usual, reduction), skin)
        if detailed:
            if reduction > 1:
                steady = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
            mean = self._sampler.sample_mean_luma(chosen, mouth.skin_color, at, grid, fine, how)
            mean = upsample_mean(mean, grid, many)
            details = chosen.details
            middle, there = len(details) // 2, places(details)
            lumas = self._sampler.sample_lumas(details, mouth.skin_color, there, grid)

            def single(box: Box) -> U8:
                return self._sampler.sample_part(
                    details[middle], mouth.skin_color, there[middle], grid, box
                )

            rgb = add_detail(steady, mean, lumas, single, inside, scale, options.detail)
        shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
        whole = np.ones((height, width), np.float32)
        return MedianPatch(Patch(rgb, whole, shift, distance), steady)

    def _warp(self, control: F32, at: F32) -> tuple[Callable[[I64], F32], F32 | None]:
        """Tells where places (p, 2) of the canonical space lie in bank entries, (n, p, 2).

        And where they lie in the bank's usual shape, (p, 2), canonical; None: not known.
        """
        bank = self._bank
        if self._options.warp:
            plate = ThinPlate(control, at, SMOOTHING)
            usual = None if self._selector.mean_shape is None else plate.map_to(self._selector.mean_shape)
            return lambda entries: plate.map_to(bank.control[entries]), usual

        def shifted(entries: I64) -> F32:
            return np.stack([apply_affine(to_crop, at) for to_crop in bank.to_crop[entries]])

        return shifted, None


def upsample_mean(mean: F32, grid: CoarseGrid, softened: bool) -> F32:
    """A mean picture in the grid's full size; `softened`: by linear interpolation."""
    sharp = deblur_mean(mean) if softened else mean
    size = (grid.width, grid.height)
    if sharp.shape[::-1] == size:
        return sharp
    return np.asarray(cv2.resize(sharp, size, interpolation=cv2.INTER_CUBIC))


def number_runs(shown: Bools, shots: I64) -> I64:
    """A number for each run of frames that belong together: one shot, all shown or none, (n,)."""
    starts = (np.diff(shown) != 0) | (np.diff(shots) != 0)
    return np.concatenate([[0], np.cumsum(starts)]).astype(np.int64)


def _split_into_blocks(stretch: I64) -> Iterator[I64]:
    """The frames of each stretch, at most BLOCK at a time."""
    for run in np.split(np.arange(len(stretch)), np.flatnonzero(np.diff(stretch)) + 1):
        for first in range(0, len(run), BLOCK):
            yield run[first : first + BLOCK]


def bounding_box(outline: F32, multiple: int = 1) -> tuple[F32, int, int]:
    """The upright box of whole pixels around points (k, 2): corner (2,), width, height.

    Args:
        multiple: of which width and height are to be multiples.
    """
    low, high = np.floor(outline.min(0)) - 1, np.ceil(outline.max(0)) + 1
    width, height = -(-((high - low).astype(int) + 1) // multiple) * multiple
    return low.astype(np.float32), int(width), int(height)
