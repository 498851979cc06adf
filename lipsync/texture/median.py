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

from lipsync.geometry import apply, at, mouth_outlines, nose, scale_of, smoothed_points
from lipsync.looks import FINE_SCALE, inside_lips, reduction_of
from lipsync.shape_free import usual_shape
from lipsync.texture.candidates import Candidates, describe
from lipsync.texture.detail import DETAIL_WINDOW, INSIDE_SOFT, with_detail
from lipsync.texture.merging import unsoftened, weighted_mean, weighted_median
from lipsync.texture.path import smoothest_path
from lipsync.texture.regression import FEWEST, Regression, added
from lipsync.texture.source import TextureOptions, TextureSource
from lipsync.threads import small_products
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
from lipsync.warp import SMOOTHING, CoarseGrid, ThinPlate

BLOCK = 500  # frames for which candidates are chosen at once
GAIN_MOST = 2.0  # a candidate's light is corrected up to this factor
LEAST_GAIN = 0.006  # less changes no level by more than one
LEAST_DETAIL_GAIN = 0.05  # less changes no detail by more than that
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as OpenCV has it
MANY = 16  # candidates whose offsets are as good as spread evenly


@dataclass(frozen=True, eq=False)
class Choice:
    """The bank entries that one mouth is made from."""

    entries: I64  # (n,), nearest first
    weights: F32  # (n,), summing to 1
    details: I64  # (len(DETAIL_WINDOW),), entries that give the finest detail of the frames around
    correction: F32 | None  # shape-free, what the entries' mean lacks; None: not known


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
        # Plain arrays over the mapped files: an item of a memmap costs as much as a small picture.
        self._crops = np.asarray(bank.crops)
        self._small = None if bank.small is None else np.asarray(bank.small)
        self._luma = None if bank.luma is None else np.asarray(bank.luma)
        # Whether what is said counts is known only when it is known of the wanted mouths.
        self._search: dict[bool, tuple[Candidates, Regression | None]] = {}
        self._successors = bank.looks[successors(bank)]
        regressed = options.regression and options.warp and options.candidates > 1
        enough = (bank.quality > 0).sum() >= FEWEST
        # The shape of the bank's shape-free pictures; None: nothing is to be learnt from them.
        self._usual: F32 | None = None
        if regressed and enough and bank.shape_free is not None:
            self._usual = usual_shape(bank.control, bank.to_crop)

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
        shown = at(track.found, frames) & np.isfinite(lips.points).all((1, 2))
        stretch = runs_of(shown, np.searchsorted(track.cuts, frames, side="right"))
        pose = at(nose(track, alignment), frames)
        light = None if self._bank.light is None else at(self._bank.light, frames)
        search, regression = self._prepared(said is not None)
        scale = search.nearest_scale(at(alignment.scale, frames))
        wanted = describe(lips.points, pose, stretch, np.arange(len(frames)), said, light, scale)
        own = at(smoothed_points(track, track.scheme.warp[18:]), frames)
        outlines = at(mouth_outlines(track), frames)
        to_canonical, to_frame = at(alignment.to_canonical, frames), at(alignment.to_frame, frames)
        for block in _blocks(stretch):
            if not shown[block[0]]:
                yield from (None for _ in block)
                continue
            choices = self._choose(search, regression, wanted[block])
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

    def _prepared(self, heard: bool) -> tuple[Candidates, Regression | None]:
        if heard not in self._search:
            search = Candidates(self._bank, self._options.candidates, heard)
            self._search[heard] = search, self._regression(search)
        return self._search[heard]

    def _regression(self, search: Candidates) -> Regression | None:
        """None: not wanted, or there is too little to learn it from."""
        bank = self._bank
        if self._usual is None or bank.shape_free is None:
            return None
        gains = np.ones((len(bank), 3), np.float32)
        if bank.light is not None:
            gains = self._gains(np.arange(len(bank)), np.nanmedian(bank.light, axis=0))
        return Regression(search.described, bank.shape_free, gains, bank.quality > 0)

    def _choose(
        self, search: Candidates, regression: Regression | None, wanted: F32
    ) -> list[Choice]:
        """Candidates for consecutive frames, and which of them gives the detail."""
        with small_products():
            found = [search.choose(one) for one in wanted]
            entries = np.stack([f[0] for f in found])
            costs = np.stack([f[2] for f in found])
            path = smoothest_path(entries, costs, self._bank.looks, self._successors)
            corrections: list[F32 | None] = [None] * len(wanted)
            if regression is not None:
                corrections = [
                    regression.correction(one, e, w)
                    for one, (e, w, _) in zip(wanted, found, strict=True)
                ]
        picks = entries[np.arange(len(entries)), path]
        reach = len(DETAIL_WINDOW) // 2
        around = np.arange(len(picks))[:, None] + np.arange(-reach, reach + 1)
        details = picks[np.clip(around, 0, len(picks) - 1)]
        return [
            Choice(e, w, d, c) for (e, w, _), d, c in zip(found, details, corrections, strict=True)
        ]

    def _distance(self, lips: F32, entries: I64) -> float:
        """Of the nearest of the entries' lips from the wanted ones, RMS."""
        off = np.square(self._bank.lips[entries] - lips).sum(-1).mean(-1)
        return float(np.sqrt(off.min()))

    def _gains(self, entries: I64, light: F32 | None) -> F32:
        """What each entry's colours are multiplied by to be seen in a frame's light, (n, 3)."""
        bank = self._bank
        if bank.light is None or light is None:
            return np.ones((len(entries), 3), np.float32)
        theirs = np.maximum(bank.light[bank.frames[entries]], 1)
        gains = np.clip(np.maximum(light, 1) / theirs, 1 / GAIN_MOST, GAIN_MOST)
        return np.asarray(gains, np.float32)

    def _drawn(self, mouth: Wanted, choice: Choice, distance: float) -> Drawn:
        entries, options = choice.entries, self._options
        scale = 1 / scale_of(mouth.to_canonical)
        detailed = options.detail > 0 and len(entries) > 1
        reduction = reduction_of(scale) if detailed and self._bank.small is not None else 1
        fine = reduction_of(scale, FINE_SCALE) if detailed and self._luma is not None else 1
        both = math.lcm(reduction, fine)
        corner, width, height = box_around(mouth.outline, both)
        grid = CoarseGrid(width, height, both)
        places, usual = self._warp(mouth.control, apply(mouth.to_canonical, grid.points + corner))
        # Of many pictures, each moved by another part of a pixel, linear interpolation is as good
        # as cubic and quicker: how much it softens them all is known.
        many = len(entries) >= MANY
        how = cv2.INTER_LINEAR if many else cv2.INTER_CUBIC
        stack = self._bent(entries, mouth.light, places(entries), grid, reduction, how)
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
            singles = self._bent(
                choice.details, mouth.light, places(choice.details), grid, least=LEAST_DETAIL_GAIN
            )
            mean = self._mean_luma(choice, mouth.light, places(entries), grid, fine, how)
            rgb = with_detail(steady, mean, singles, inside, scale, options.detail)
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
            usual = None if self._usual is None else plate.maps_to(self._usual)
            return lambda entries: plate.maps_to(bank.control[entries]), usual

        def shifted(entries: I64) -> F32:
            return np.stack([apply(to_crop, at) for to_crop in bank.to_crop[entries]])

        return shifted, None

    def _bent(
        self,
        entries: I64,
        light: F32 | None,
        places: F32,
        grid: CoarseGrid,
        reduction: int = 1,
        how: int = cv2.INTER_CUBIC,
        least: float = LEAST_GAIN,
    ) -> U8:
        """Bank entries in a frame's shape and light, (n, h, w, 3), reduced if it is asked for.

        Args:
            how: of interpolation.
            least: of a change of light that is corrected.
        """
        if reduction == 1 or self._small is None:
            crops = self._crops
        else:
            crops = self._small
            places = _in_cells(places, self._bank.reduction)
        width, height = grid.width // reduction, grid.height // reduction
        stack = np.empty((len(entries), height, width, 3), np.uint8)
        gains = self._gains(entries, light)
        unlike = np.abs(gains - 1).max(1) > least
        for i, entry in enumerate(entries.tolist()):
            remapped(crops[entry], grid.refined(places[i], reduction), stack[i], how)
            if unlike[i]:
                cv2.multiply(stack[i], (*gains[i].tolist(), 0.0), dst=stack[i])
        return stack

    def _mean_luma(
        self,
        choice: Choice,
        light: F32 | None,
        places: F32,
        grid: CoarseGrid,
        reduction: int,
        how: int,
    ) -> F32:
        """The candidates' mean in a frame's shape and light, luma, (h, w).

        Args:
            reduction: it is taken of pictures so much smaller, and enlarged.
        """
        crops, size = self._luma, (grid.width // reduction, grid.height // reduction)
        if crops is not None:
            places = _in_cells(places, self._bank.luma_reduction)
        buffer = np.empty(size[::-1], np.uint8)

        def bent() -> Iterator[U8]:
            for where, entry in zip(places, choice.entries.tolist(), strict=True):
                if crops is not None:
                    luma = crops[entry]
                else:
                    luma = np.asarray(cv2.cvtColor(self._crops[entry], cv2.COLOR_RGB2GRAY))
                yield remapped(luma, grid.refined(where, reduction), buffer, how)

        mean = weighted_mean(bent(), choice.weights)
        mean *= float((choice.weights @ self._gains(choice.entries, light)) @ LUMA)
        if how == cv2.INTER_LINEAR:
            mean = unsoftened(mean)
        if reduction == 1:
            return mean
        whole = (grid.width, grid.height)
        return np.asarray(cv2.resize(mean, whole, interpolation=cv2.INTER_CUBIC))


def _in_cells(places: F32, reduction: int) -> F32:
    """Places of a picture in that of its cells: a cell's centre is the middle of its pixels."""
    return np.asarray((places + 0.5) / reduction - 0.5, np.float32)


def remapped(
    crop: U8, places: F32, out: U8 | None = None, interpolation: int = cv2.INTER_CUBIC
) -> U8:
    """The crop's colours, or its luma, at places (h, w, 2)."""
    found = cv2.remap(crop, places, None, interpolation, dst=out, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found)


def successors(bank: MouthBank) -> I64:
    """The entry that followed each entry in the footage; itself at the end of a stretch, (m,)."""
    following = np.minimum(np.arange(len(bank)) + 1, len(bank) - 1)
    joined = (bank.frames[following] == bank.frames + 1) & (bank.shots[following] == bank.shots)
    return np.where(joined, following, np.arange(len(bank))).astype(np.int64)


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
