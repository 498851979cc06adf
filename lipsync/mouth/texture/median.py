"""Mouth and chin of one person, from the pictures of their own mouths.

Two ways to a steady picture. The appearance model predicts it from all mouths at once. Without one
(`--no-regression`, or very few mouths) it is the weighted median of the nearest (docs/method.md
§4): a median of unwarped candidates trades flicker for blur as their number grows; here every
candidate is first warped so that its lips, jaw line and anchors lie where they are wanted, edges
then coincide, and a steady median stays sharp. Either way each pixel is resampled straight to the
target frame's grid.

The finest detail outside the lips comes from the nearest candidates' luma alone, so that the steady
picture of a large face is made at reduced size: its cost hardly grows with the resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.lip_mask import mask_inner_lips, mask_opening
from lipsync.face.similarity import affine_scale, apply_affine
from lipsync.face.thin_plate import SMOOTHING, CoarseGrid, ThinPlate
from lipsync.media.pixels import BASE_SCALE, FINE_SCALE, reduction_factor
from lipsync.mouth.texture.appearance_model import MAX_CELLS
from lipsync.mouth.texture.bank_sampling import BankSampler
from lipsync.mouth.texture.detail import INSIDE_SOFT, Box, add_detail
from lipsync.mouth.texture.merge import deblur_mean, weighted_median
from lipsync.mouth.texture.selection import MAX_GAIN, CandidateSelector, Selection
from lipsync.mouth.texture.source import TextureOptions, TextureSource
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.types import (
    F32,
    I64,
    U8,
    Bools,
    MouthBank,
    Patch,
)

BLOCK = 500  # frames for which candidates are selected at once
PREDICTED_AT_ONCE = 16  # frames whose predicted pictures are in memory
OPENING_SOFT = 0.02  # outer-eye distances: reach of teeth and tongue beyond the lips' inner edge
MIN_LINEAR = 16  # candidates from which their subpixel offsets count as evenly distributed


@dataclass(frozen=True, eq=False)
class MouthTarget:
    """One wanted mouth in one frame."""

    control: F32  # (k, 2), control points of the warp, canonical
    lips: F32  # (18, 2), pixels
    outline: F32  # (o, 2) of mouth and chin, pixels
    to_canonical: F32  # (2, 3)
    skin_color: F32 | None  # (3,), of the frame, levels; None: unknown


def _target_reader(wanted: WantedMouths) -> Callable[[int], MouthTarget]:
    """A function from the index of an output frame to its wanted mouth."""
    target, offsets = wanted.target, wanted.jaw_offsets
    outlines = target.outlines()

    def target_of(i: int) -> MouthTarget:
        surround, outline = target.surround[i], outlines[i]
        if offsets is not None:
            surround, outline = surround.copy(), outline.copy()
            surround[: offsets.shape[1]] += offsets[i]
            outline[: offsets.shape[1]] += offsets[i]
        lips, inverse = wanted.lips.points[i], target.to_canonical[i]
        return MouthTarget(
            control=np.concatenate([lips, apply_affine(inverse, surround)]),
            lips=apply_affine(target.to_frame[i], lips),
            outline=outline,
            to_canonical=inverse,
            skin_color=None if wanted.skin_color is None else wanted.skin_color[i],
        )

    return target_of


@dataclass(frozen=True, eq=False)
class MedianPatch:
    """A patch, and its steady picture before the finest detail was added."""

    patch: Patch
    steady: U8  # (h, w, 3)


class MedianTexture(TextureSource):
    """The bank's pictures combined: by its appearance model, or as a weighted median."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._options = options
        self._sampler = BankSampler(bank)
        self._selector = CandidateSelector(bank, options)

    @classmethod
    def load_model(cls, options: TextureOptions, speakers: int, device: str) -> None:
        """Nothing to load: no network is used."""

    @classmethod
    def open(cls, bank: MouthBank, options: TextureOptions, model: None = None) -> MedianTexture:
        """See `TextureSource`."""
        return cls(bank, options)

    def draw_patches(self, wanted: WantedMouths) -> Iterator[Patch | None]:
        """See `TextureSource`."""
        for drawn in self.draw(wanted):
            yield None if drawn is None else drawn.patch

    def draw(self, wanted: WantedMouths) -> Iterator[MedianPatch | None]:
        """The patches of `draw_patches`, each with its picture before the detail."""
        run = number_runs(wanted.present, wanted.target.shots)
        descriptors = self._selector.describe(wanted, run)
        targets = _target_reader(wanted)
        for block in _split_into_blocks(run):
            if not wanted.present[block[0]]:
                yield from (None for _ in block)
                continue
            selections = self._selector.select(
                descriptors[block], wanted.phones is not None, float(wanted.lips.rate)
            )
            pictures = self._predict(selections, wanted.phones is not None)
            for i, selection, picture in zip(block, selections, pictures, strict=True):
                distance = self._distance(wanted.lips.points[i], selection.entries)
                yield self._draw(targets(i), selection, picture, distance)

    def _predict(self, selections: list[Selection], heard: bool) -> Iterator[F32 | None]:
        """The appearance model's shape-free pictures (s, s, 3); None: there is no model."""
        model = self._selector.model(heard)
        for first in range(0, len(selections), PREDICTED_AT_ONCE):
            scores = [one.scores for one in selections[first : first + PREDICTED_AT_ONCE]]
            known = [one for one in scores if one is not None]
            if model is None or not known:
                yield from (None for _ in scores)
            else:
                yield from model.draw(np.stack(known))

    def _distance(self, lips: F32, entries: I64) -> float:
        """RMS distance of wanted lips (18, 2) from the nearest of the entries' lips."""
        squared = np.square(self._bank.lips[entries] - lips).sum(-1).mean(-1)
        return float(np.sqrt(squared.min()))

    def _draw(
        self, mouth: MouthTarget, chosen: Selection, picture: F32 | None, distance: float
    ) -> MedianPatch:
        entries, options = chosen.entries, self._options
        scale = 1 / affine_scale(mouth.to_canonical)
        detailed = options.detail > 0 and len(entries) > 1
        enough = BASE_SCALE if picture is None else MAX_CELLS
        reduction = reduction_factor(scale, enough) if detailed else 1
        fine = reduction_factor(scale, FINE_SCALE) if detailed else 1
        both = math.lcm(reduction, fine)
        corner, width, height = bounding_box(mouth.outline, both)
        grid = CoarseGrid(width, height, both)
        canonical = apply_affine(mouth.to_canonical, grid.points + corner)
        coords_of, shape_coords = self._warp(mouth.control, canonical)
        # For many pictures at different subpixel offsets linear interpolation is as good as cubic
        # and faster: its blur is known and undone.
        linear = len(entries) >= MIN_LINEAR
        how = cv2.INTER_LINEAR if linear else cv2.INTER_CUBIC
        coords = coords_of(entries)
        lips, shape = mouth.lips - corner, (height, width)
        if picture is not None and shape_coords is not None:
            rgb = steady = self._place(picture, shape_coords, mouth.skin_color, grid, reduction)
            inside = mask_opening(lips, shape, OPENING_SOFT * scale)
        else:
            stack = self._sampler.sample_colors(
                entries, mouth.skin_color, coords, grid, reduction, how
            )
            rgb = steady = weighted_median(stack, chosen.weights)
            if linear:
                rgb = steady = deblur_mean(rgb)
            inside = mask_inner_lips(lips, shape, INSIDE_SOFT * scale)
        if detailed:
            if reduction > 1:
                steady = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
            mean = self._sampler.sample_mean_luma(chosen, mouth.skin_color, coords, grid, fine, how)
            mean = upsample_mean(mean, grid, linear)
            details = chosen.details
            middle, detail_coords = len(details) // 2, coords_of(details)
            lumas = self._sampler.sample_lumas(details, mouth.skin_color, detail_coords, grid)

            def single(box: Box) -> U8:
                return self._sampler.sample_part(
                    details[middle], mouth.skin_color, detail_coords[middle], grid, box
                )

            # The model's teeth have their edges; those of a single mouth would lie beside them.
            teeth = single if picture is None else None
            rgb = add_detail(steady, mean, lumas, teeth, inside, scale, options.detail)
        shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
        opaque = np.ones(shape, np.float32)
        return MedianPatch(Patch(rgb, opaque, shift, distance), steady)

    def _place(
        self, picture: F32, coords: F32, skin_color: F32 | None, grid: CoarseGrid, reduction: int
    ) -> U8:
        """Warp a shape-free picture (s, s, 3) onto the grid's picture, in the target's light.

        Args:
            coords: (p, 2), canonical, of the grid's points in the reference shape.
        """
        space, usual = self._selector.space, self._bank.usual_skin_color
        assert space is not None  # noqa: S101 — there is no picture without it
        cells = grid.upsample(space.cells.to_cells(coords), reduction)
        placed = cv2.remap(picture, cells, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        if usual is not None and skin_color is not None:
            gain = np.maximum(skin_color, 1) / np.maximum(usual, 1)
            placed *= np.clip(gain, 1 / MAX_GAIN, MAX_GAIN)
        return np.asarray(np.clip(np.rint(placed), 0, 255), np.uint8)

    def _warp(self, control: F32, at: F32) -> tuple[Callable[[I64], F32], F32 | None]:
        """Map canonical points to bank entries and to the shape of shape-free pictures.

        Args:
            control: (k, 2), wanted control points, canonical.
            at: (p, 2), canonical.

        Returns:
            A function from entries (n,) to pixels of their crops, (n, p, 2), and the points in that
            shape, (p, 2), canonical; None: there is no appearance model.
        """
        bank = self._bank
        if self._options.warp:
            plate = ThinPlate(control, at, SMOOTHING)
            space = self._selector.space
            in_shape = None if space is None else plate.map_to(space.shape)
            return lambda entries: plate.map_to(bank.control[entries]), in_shape

        def unwarped(entries: I64) -> F32:
            return np.stack([apply_affine(to_crop, at) for to_crop in bank.to_crop[entries]])

        return unwarped, None


def upsample_mean(mean: F32, grid: CoarseGrid, blurred: bool) -> F32:
    """Upsample a mean picture to the grid's full size; `blurred`: by linear interpolation."""
    sharp = deblur_mean(mean) if blurred else mean
    size = (grid.width, grid.height)
    if sharp.shape[::-1] == size:
        return sharp
    return np.asarray(cv2.resize(sharp, size, interpolation=cv2.INTER_CUBIC))


def number_runs(shown: Bools, shots: I64) -> I64:
    """Number the runs of consecutive frames of one shot that are all shown or all not, (n,)."""
    starts = (np.diff(shown) != 0) | (np.diff(shots) != 0)
    return np.concatenate([[0], np.cumsum(starts)]).astype(np.int64)


def _split_into_blocks(runs: I64) -> Iterator[I64]:
    """The frames of each run, at most BLOCK at a time."""
    for run in np.split(np.arange(len(runs)), np.flatnonzero(np.diff(runs)) + 1):
        for first in range(0, len(run), BLOCK):
            yield run[first : first + BLOCK]


def bounding_box(outline: F32, multiple: int = 1) -> tuple[F32, int, int]:
    """Bound points (k, 2) by a box of whole pixels: corner (2,), width, height.

    Args:
        multiple: width and height are multiples of it.
    """
    low, high = np.floor(outline.min(0)) - 1, np.ceil(outline.max(0)) + 1
    width, height = -(-((high - low).astype(int) + 1) // multiple) * multiple
    return low.astype(np.float32), int(width), int(height)
