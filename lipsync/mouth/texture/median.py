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
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.lip_mask import mask_inner_lips, mask_opening
from lipsync.face.similarity import affine_scale, apply_affine
from lipsync.face.thin_plate import SMOOTHING, CoarseGrid, ThinPlate
from lipsync.media.pixels import BASE_SCALE, FINE_SCALE, reduction_factor
from lipsync.mouth.texture.bank_model import BankModel
from lipsync.mouth.texture.bank_sampling import LUMA, MAX_MEAN_ENTRIES, BankSampler
from lipsync.mouth.texture.detail import INSIDE_SOFT, Box, add_detail
from lipsync.mouth.texture.light import MAX_GAIN, light_gains
from lipsync.mouth.texture.merge import deblur_mean, weighted_median
from lipsync.mouth.texture.mouth_targets import (
    MouthTarget,
    bounding_box,
    number_runs,
    split_into_blocks,
    target_reader,
)
from lipsync.mouth.texture.selection import (
    CandidateSelector,
    Selection,
)
from lipsync.mouth.texture.shape_space import MAX_CELLS
from lipsync.mouth.texture.shared_detail import SharedDetail
from lipsync.mouth.texture.source import TextureOptions, TextureSource
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.types import (
    F32,
    I64,
    U8,
    MouthBank,
    Patch,
)

PREDICTED_AT_ONCE = 16  # frames whose predicted pictures are in memory
OPENING_SOFT = 0.02  # outer-eye distances: reach of teeth and tongue beyond the lips' inner edge
# Outer-eye distances: step at which the model's picture is warped; the opening may be no higher.
PLACED_STEP = 0.03
MIN_LINEAR = 16  # candidates from which their subpixel offsets count as evenly distributed


@dataclass(frozen=True, eq=False)
class MedianPatch:
    """A patch, and its steady picture before the finest detail was added."""

    patch: Patch
    steady: U8  # (h, w, 3)


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the appearance model makes of one mouth."""

    picture: F32  # (s, s, 3), shape-free
    details: SharedDetail


@dataclass(frozen=True, eq=False)
class _Place:
    """The box in which a mouth is drawn."""

    corner: F32  # (2,), x and y, pixels
    grid: CoarseGrid
    plate: ThinPlate  # evaluated on the grid
    reduction: int  # factor by which the picture is made smaller
    fine: int  # and the mean luma


@dataclass(frozen=True, eq=False)
class _Steady:
    """A mouth before its finest detail is added."""

    rgb: U8  # (h, w, 3), perhaps reduced
    mean: F32  # (h, w), luma of the candidates' mean, in full size


class MedianTexture(TextureSource):
    """The bank's pictures combined: by its appearance model, or as a weighted median."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._options = options
        self._sampler = BankSampler(bank)
        self._selector = CandidateSelector(bank, options)
        # Of the mouths that are being drawn, part by part: all descriptors, and one block.
        self._described: tuple[WantedMouths, F32] | None = None
        self._selected: tuple[WantedMouths, int, list[Selection]] | None = None

    @classmethod
    def load_model(cls, options: TextureOptions, speakers: int, device: str) -> None:
        """Nothing to load: no network is used."""

    @classmethod
    def open(cls, bank: MouthBank, options: TextureOptions, model: None = None) -> MedianTexture:
        """See `TextureSource`."""
        return cls(bank, options)

    def prepare(self, heard: bool, cache: Cache) -> None:
        """Load the bank's model, or fit it."""
        self._selector.prepare(heard, cache)

    def learned(self, heard: bool) -> BankModel | None:
        """The bank's model; None: there is none."""
        return self._selector.model(heard)

    def adopt(self, heard: bool, learned: BankModel | None) -> None:
        """See `TextureSource`."""
        self._selector.adopt(heard, learned)

    def draw_patches(
        self, wanted: WantedMouths, part: range | None = None
    ) -> Iterator[Patch | None]:
        """See `TextureSource`."""
        for drawn in self.draw(wanted, part):
            yield None if drawn is None else drawn.patch

    def draw(self, wanted: WantedMouths, part: range | None = None) -> Iterator[MedianPatch | None]:
        """The patches of `draw_patches`, each with its picture before the detail."""
        part = range(len(wanted)) if part is None else part
        run = number_runs(wanted.present, wanted.target.shots)
        targets = target_reader(wanted)
        for block in split_into_blocks(run):
            inside = range(max(part.start, int(block[0])), min(part.stop, int(block[-1]) + 1))
            if not inside:
                continue
            if not wanted.present[block[0]]:
                yield from (None for _ in inside)
                continue
            selections, first = self._select(wanted, run, block), int(block[0])
            model = self._selector.model(wanted.phones is not None)
            pictures = self._predict(selections, model, inside.start - first, inside.stop - first)
            for i, picture in zip(inside, pictures, strict=True):
                selection = selections[i - first]
                distance = self._distance(wanted.lips.points[i], selection.entries)
                predicted = None
                if model is not None and picture is not None:
                    predicted = Predicted(picture, model.details)
                yield self._draw(targets(i), selection, predicted, distance)

    def _select(self, wanted: WantedMouths, run: I64, block: I64) -> list[Selection]:
        """Select entries for a block; the same whichever of its frames are drawn."""
        if self._described is None or self._described[0] is not wanted:
            self._described = wanted, self._selector.describe(wanted, run)
        known, first = self._selected, int(block[0])
        if known is None or known[0] is not wanted or known[1] != first:
            found = self._selector.select(
                self._described[1][block], wanted.phones is not None, float(wanted.lips.rate)
            )
            known = self._selected = wanted, first, found
        return known[2]

    def _predict(
        self, selections: list[Selection], model: BankModel | None, start: int, stop: int
    ) -> Iterator[F32 | None]:
        """The appearance model's shape-free pictures (s, s, 3); None: there is no model.

        Of selections start … stop − 1. So many are predicted at once as if it were of all, since
        matrix products round by their size.
        """
        for first in range(0, len(selections), PREDICTED_AT_ONCE):
            some = selections[first : first + PREDICTED_AT_ONCE]
            wanted = slice(max(start - first, 0), max(stop - first, 0))
            if not some[wanted]:
                continue
            known = [one.scores for one in some if one.scores is not None]
            if model is None or not known:
                yield from (None for _ in some[wanted])
                continue
            pictures = model.appearance.draw(np.stack(known))
            if self._options.detail > 0:
                model.opening.add_structure(pictures, np.stack([one.openings for one in some]))
            yield from pictures[wanted]

    def _distance(self, lips: F32, entries: I64) -> float:
        """RMS distance of wanted lips (18, 2) from the nearest of the entries' lips."""
        squared = np.square(self._bank.lips[entries] - lips).sum(-1).mean(-1)
        return float(np.sqrt(squared.min()))

    def _draw(
        self, mouth: MouthTarget, chosen: Selection, predicted: Predicted | None, distance: float
    ) -> MedianPatch:
        options = self._options
        scale = 1 / affine_scale(mouth.to_canonical)
        detailed = options.detail > 0 and len(chosen.entries) > 1
        enough = BASE_SCALE if predicted is None else MAX_CELLS
        reduction = reduction_factor(scale, enough) if detailed else 1
        fine = reduction_factor(scale, FINE_SCALE) if detailed else 1
        corner, width, height = bounding_box(mouth.outline, math.lcm(reduction, fine))
        grid = CoarseGrid(width, height, math.lcm(reduction, fine))
        canonical = apply_affine(mouth.to_canonical, grid.points + corner)
        plate = ThinPlate(mouth.control, canonical, SMOOTHING) if options.warp else None
        lips, shape = mouth.lips - corner, (height, width)
        if predicted is not None and plate is not None:
            place = _Place(corner, grid, plate, reduction, fine)
            drawn = self._place_predicted(predicted, mouth, chosen, place)
            inside = mask_opening(lips, shape, OPENING_SOFT * scale)
        else:
            drawn = self._combine(mouth, chosen, canonical, grid, plate, reduction, fine)
            inside = mask_inner_lips(lips, shape, INSIDE_SOFT * scale)
        rgb = steady = drawn.rgb
        if detailed:
            if reduction > 1:
                steady = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC)
            details = chosen.details
            middle = len(details) // 2
            coords = self._find_in_crops(details, canonical, plate)
            lumas = self._sampler.sample_lumas(details, mouth.skin_color, coords, grid)

            def single(box: Box) -> U8:
                return self._sampler.sample_part(
                    details[middle], mouth.skin_color, coords[middle], grid, box
                )

            # The model's teeth have their edges; those of a single mouth would lie beside them.
            teeth = single if predicted is None else None
            rgb = add_detail(steady, drawn.mean, lumas, teeth, inside, scale, options.detail)
        shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]]], np.float32)
        opaque = np.ones(shape, np.float32)
        return MedianPatch(Patch(rgb, opaque, shift, distance), steady)

    def _place_predicted(
        self, predicted: Predicted, mouth: MouthTarget, chosen: Selection, place: _Place
    ) -> _Steady:
        """The model's picture and the candidates' mean, both warped to the wanted mouth."""
        scale, grid = 1 / affine_scale(mouth.to_canonical), place.grid
        both = math.lcm(place.reduction, place.fine)
        step = CoarseGrid(grid.width, grid.height, both, max(1, round(PLACED_STEP * scale)))
        at = apply_affine(mouth.to_canonical, step.points + place.corner)
        cells = self._find_in_shape(mouth.control, at, grid, place.plate, step)
        at_cells = step.upsample(cells, place.reduction)
        rgb = self._place(predicted.picture, at_cells, mouth.skin_color)
        some, weights = chosen.entries[:MAX_MEAN_ENTRIES], chosen.weights[:MAX_MEAN_ENTRIES]
        weights = weights / weights.sum()
        mean = predicted.details.mean(some, weights)
        mean *= float(weights @ light_gains(self._bank, some, mouth.skin_color) @ LUMA)
        if place.fine != place.reduction:
            at_cells = step.upsample(cells, place.fine)
        mean = cv2.remap(mean, at_cells, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return _Steady(rgb, upsample_mean(mean, grid, blurred=False))

    def _combine(
        self,
        mouth: MouthTarget,
        chosen: Selection,
        canonical: F32,
        grid: CoarseGrid,
        plate: ThinPlate | None,
        reduction: int,
        fine: int,
    ) -> _Steady:
        """The weighted median of the candidates, and their mean.

        Args:
            canonical: (p, 2), the grid's points.
            reduction, fine: factors by which picture and mean are made smaller.
        """
        entries, skin = chosen.entries, mouth.skin_color
        # For many pictures at different subpixel offsets linear interpolation is as good as cubic
        # and faster: its blur is known and undone.
        linear = len(entries) >= MIN_LINEAR
        how = cv2.INTER_LINEAR if linear else cv2.INTER_CUBIC
        coords = self._find_in_crops(entries, canonical, plate)
        stack = self._sampler.sample_colors(entries, skin, coords, grid, reduction, how)
        rgb = weighted_median(stack, chosen.weights)
        mean = self._sampler.sample_mean_luma(chosen, skin, coords, grid, fine, how)
        return _Steady(deblur_mean(rgb) if linear else rgb, upsample_mean(mean, grid, linear))

    def _place(self, picture: F32, cells: F32, skin_color: F32 | None) -> U8:
        """Resample a shape-free picture (s, s, 3) at its cells (h, w, 2), in the target's light."""
        usual = self._bank.usual_skin_color
        placed = cv2.remap(picture, cells, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        if usual is not None and skin_color is not None:
            gain = np.maximum(skin_color, 1) / np.maximum(usual, 1)
            placed *= np.clip(gain, 1 / MAX_GAIN, MAX_GAIN)
        return np.asarray(np.clip(np.rint(placed), 0, 255), np.uint8)

    def _find_in_shape(
        self, control: F32, at: F32, coarse: CoarseGrid, plate: ThinPlate, grid: CoarseGrid
    ) -> F32:
        """Where the points of a grid lie in the shape-free picture, (p, 2), cells.

        Args:
            control: (k, 2), of the wanted mouth, canonical.
            at: (p, 2), the grid's points, canonical.
            coarse: the grid on which `plate` was evaluated: a map that is about right.
        """
        space = self._selector.space
        assert space is not None  # noqa: S101 — there is no picture without it
        about = coarse.upsample(plate.map_to(space.shape))
        start = cv2.remap(
            about, grid.points[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return space.cells.to_cells(space.locate(control, at, start[0]))

    def _find_in_crops(self, entries: I64, at: F32, plate: ThinPlate | None) -> F32:
        """Where canonical points (p, 2) lie in the crops of entries (n,), (n, p, 2) pixels.

        Args:
            plate: the warp from the wanted mouth; None: none, crops are only moved and turned.
        """
        if plate is not None:
            return plate.map_to(self._bank.control[entries])
        return np.stack([apply_affine(to_crop, at) for to_crop in self._bank.to_crop[entries]])


def upsample_mean(mean: F32, grid: CoarseGrid, blurred: bool) -> F32:
    """Upsample a mean picture to the grid's full size; `blurred`: by linear interpolation."""
    sharp = deblur_mean(mean) if blurred else mean
    size = (grid.width, grid.height)
    if sharp.shape[::-1] == size:
        return sharp
    return np.asarray(cv2.resize(sharp, size, interpolation=cv2.INTER_CUBIC))
