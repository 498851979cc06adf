"""Things before the face by their looks: what differs from the person's own skin.

Captions, microphones, cups and hair are much darker or brighter than the skin behind them, or of
another color. Compared are brightness-normalized looks, cell by cell, with a reference: of the
values that a cell takes over the whole footage, the one most like the skin around it. So a cell
that letters cover in most frames still has skin for its reference, and a beard has itself.
A smooth change of light over the face, fitted robustly, is not a difference. Nor is anything on
lips and nostrils, which move; nor what lies only along the jaw line, where a turning head shows its
background.

Symbols: f frames, n of them at once, c channels (log luma, red and blue difference).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from lipsync.mouth.occlusion.looks import UNSEEN, Looks
from lipsync.mouth.occlusion.mask_space import CELLS, SIZE, fill, grow
from lipsync.types import F32, I64, U8, Bools

LOG_OFFSET = 16.0  # levels, added to luma before its logarithm: black is noisy
CHROMA_UNIT = 60.0  # levels per unit of the chroma channels
# Differences that count, of log luma and in levels of chroma. On ten clips of faces with nothing
# before them no frame has a patch of skin beyond 1.2 times these; captions reach 4 times.
LUMA_DIFFERENCE, CHROMA_DIFFERENCE = 0.5, 14.0
SEED, EDGE = 1.2, 0.65  # differences from which a thing is seen, and to which it reaches
SEED_CELLS = 5  # across: the folds of a smile are narrower, a letter with its outline is not
LEAST_CELLS = 12  # of a seed
LEAST_FRAMES = 3  # that a thing is seen in a row: a jerk of the head moves the landmarks for one
NEAR_CELLS = 4  # letters this near are one thing
QUANTILES = (10, 30, 50, 70, 90)
REFERENCE_FRAMES = 300
PRIOR_SIGMA = 0.23  # outer-eye distances, of the skin around a cell
PRIOR_LIMITS = (0.35, 0.2, 0.2)  # differences from it that still count as skin
AT_ONCE = 200  # frames in memory at a time
LIGHT_ROUNDS, LIGHT_SCALES = 6, (0.1, 0.05, 0.05)  # of the robust fit
LIGHT_STEP = 3  # every so many cells are used for it
LIPS_MARGIN, SEED_LIPS_MARGIN = 0.07, 0.1  # outer-eye distances around the lips
JAW_INSET, SEED_JAW_INSET = 0.1, 0.35  # shares of the way from the jaw line to the mouth
ABOVE_LIPS = 0.14  # outer-eye distances: higher up are nostrils, and no new mouth
# A whole lower face that is no skin: its chroma differs from that of the upper cheeks by so many
# levels, and by this share of the cheeks' own; and its lips are no redder than what surrounds them.
# A beard has lips.
HIDDEN_LEVELS, HIDDEN_SHARE, LIPS_LEVELS = 14.0, 0.5, 2.0
CHEEKS = (-0.5, 0.5, 0.1, 0.32)  # left, right, top, bottom of the upper cheeks, canonical
CHEEKS_INNER = 0.2  # half the width of the nose between them


@dataclass(frozen=True, eq=False)
class _Zones:
    """Parts of the mean face, (SIZE, SIZE) each."""

    skin: Bools  # all of it but the lips
    wide: Bools  # where things are marked
    seed: Bools  # where they must be seen, well inside
    lips: Bools
    around_lips: Bools
    cheeks: Bools
    lower: Bools

    @staticmethod
    def of(shape: F32, lips: int, jaw: int) -> _Zones:
        """From a mean shape (k, 2) of `lips` points, `jaw` points, and others."""
        mouth, line = shape[:lips], shape[lips : lips + jaw]
        hull = fill(cv2.convexHull(mouth)[:, 0])
        y, x = np.mgrid[:SIZE, :SIZE]
        above = CELLS.to_cells(np.array([0, mouth[:, 1].min() - ABOVE_LIPS], np.float32))[1]
        left, right, top, bottom = CHEEKS
        (x0, y0), (x1, y1) = CELLS.to_cells(np.array([(left, top), (right, bottom)], np.float32))
        inner = CELLS.to_cells(np.array([(-CHEEKS_INNER, 0), (CHEEKS_INNER, 0)], np.float32))[:, 0]
        face = _inside_jaw(mouth, line, JAW_INSET)
        lower, free = face & (y >= above), grow(hull, LIPS_MARGIN) == 0
        deep = _inside_jaw(mouth, line, SEED_JAW_INSET) & (y >= above)
        between = (x > inner[0]) & (x < inner[1])
        return _Zones(
            skin=face & free,
            wide=lower & free,
            seed=deep & (grow(hull, SEED_LIPS_MARGIN) == 0),
            lips=hull > 0,
            around_lips=(grow(hull, 2 * LIPS_MARGIN) > 0) & free,
            cheeks=face & (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & ~between,
            lower=lower & free,
        )


def _inside_jaw(mouth: F32, jaw: F32, inset: float) -> Bools:
    """The face up to the top of the region, inside the jaw line moved inward."""
    center = mouth.mean(0)
    line = center + (jaw - center) * (1 - inset)
    top = np.array([[line[-1, 0], 0.0], [line[0, 0], 0.0]], np.float32)
    return fill(np.concatenate([line, top])) > 0


def find_odd_looks(looks: Looks, shape: F32, lips: int, jaw: int) -> tuple[dict[int, U8], Bools]:
    """Find things before the face in every frame.

    Args:
        shape: (k, 2), mean shape of the looks: `lips` points, `jaw` points, and others; canonical.

    Returns:
        By frame, masks (SIZE, SIZE) in the looks' space, 1 where something lies before the face;
        and (f,), whether all of the lower face is hidden.
    """
    zones = _Zones.of(shape, lips, jaw)
    known = np.flatnonzero((looks.luma != UNSEEN).any((1, 2)))
    found: dict[int, _Things] = {}
    hidden = np.zeros(len(looks.luma), bool)
    if not len(known) or not zones.seed.any() or not zones.cheeks.any():
        return {}, hidden
    some = known[np.linspace(0, len(known) - 1, min(len(known), REFERENCE_FRAMES)).astype(int)]
    reference = _reference(_channels(looks, some, zones.skin)[0], zones.skin)
    for first in range(0, len(known), AT_ONCE):
        block = known[first : first + AT_ONCE]
        before, after = known[max(first - 1, 0)], known[min(first + AT_ONCE, len(known) - 1)]
        around = np.array([before, *block, after])
        differences = _differences(looks, around, zones, reference)
        for i, three in zip(block.tolist(), _threes(differences), strict=True):
            # A single frame's speckle is compression.
            if (three.max(0) > EDGE).sum() >= LEAST_CELLS:
                found[i] = _Things.of(np.median(three, axis=0), zones)
        hidden[block] = _is_hidden(looks, block, zones)
    return _follow(found), hidden


def _threes(values: F32) -> Iterator[F32]:
    """Every three consecutive rows."""
    yield from (values[i : i + 3] for i in range(len(values) - 2))


def _channels(looks: Looks, frames: I64, skin: Bools) -> tuple[F32, Bools]:
    """Log luma and chroma less their medians over the skin, (n, SIZE, SIZE, c); what is seen."""
    luma = looks.luma[frames]
    seen = luma != UNSEEN
    values = np.empty((*luma.shape, 3), np.float32)
    values[..., 0] = np.log(luma + np.float32(LOG_OFFSET))
    for row, chroma in zip(values, looks.chroma[frames], strict=True):
        row[..., 1:] = cv2.resize(chroma, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    values[..., 1:] /= CHROMA_UNIT
    values -= np.median(values[:, skin], axis=1)[:, None, None]
    return values, seen


def _reference(values: F32, skin: Bools) -> F32:
    """Of the quantiles of each cell over n frames the one nearest to skin, (SIZE, SIZE, c)."""
    quantiles = np.percentile(values, QUANTILES, axis=0).astype(np.float32)
    median = quantiles[len(QUANTILES) // 2]
    prior = np.empty_like(median)
    sigma = PRIOR_SIGMA / CELLS.size
    for c, limit in enumerate(PRIOR_LIMITS):
        expected = np.full(skin.shape, np.median(median[skin, c])).astype(np.float32)
        for _ in range(3):
            near = (skin & (np.abs(median[..., c] - expected) < limit)).astype(np.float32)
            total = np.maximum(cv2.GaussianBlur(near, (0, 0), sigma), 1e-3)
            blurred = cv2.GaussianBlur(near * median[..., c], (0, 0), sigma)
            expected = (blurred / total).astype(np.float32)
        prior[..., c] = expected
    nearest = np.abs(quantiles - prior).argmin(0)
    return np.asarray(np.take_along_axis(quantiles, nearest[None], 0)[0])


def _differences(looks: Looks, frames: I64, zones: _Zones, reference: F32) -> F32:
    """How much n frames differ from the reference beyond their light, (n, SIZE, SIZE)."""
    values, seen = _channels(looks, frames, zones.skin)
    values -= reference
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE - 0.5
    basis = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], -1).astype(np.float32)
    sparse = np.zeros_like(zones.skin)
    sparse[::LIGHT_STEP, ::LIGHT_STEP] = True
    at = zones.skin & sparse
    for c, scale in enumerate(LIGHT_SCALES):
        light = _fit_light(values[:, at, c], seen[:, at], basis[at], scale)
        values[..., c] -= np.tensordot(light, basis, ([1], [2]))
    luma = np.abs(values[..., 0]) / LUMA_DIFFERENCE
    chroma = np.abs(values[..., 1:]).max(-1) * (CHROMA_UNIT / CHROMA_DIFFERENCE)
    return np.asarray(np.where(seen & zones.wide, np.maximum(luma, chroma), 0), np.float32)


def _fit_light(values: F32, seen: Bools, basis: F32, scale: float) -> F32:
    """Coefficients (n, b) of smooth light on p cells: (n, p) values, (p, b) basis; robust."""
    ridge = 1e-3 * len(basis) * np.diag([0.0] + [1.0] * (basis.shape[1] - 1))
    ridge[0, 0] = 1e-6
    weight = seen.astype(np.float32)
    for _ in range(LIGHT_ROUNDS):
        gram = np.einsum("np,pi,pj->nij", weight, basis, basis, optimize=True) + ridge
        right = (weight * values) @ basis
        light = np.linalg.solve(gram, right[..., None])[..., 0].astype(np.float32)
        error = (values - light @ basis.T) / scale
        weight = (seen / (1 + error * error)).astype(np.float32)
    return np.asarray(light, np.float32)


def _is_hidden(looks: Looks, frames: I64, zones: _Zones) -> Bools:
    """Whether the lower face of n frames is of another color than the cheeks and shows no lips."""
    chroma = looks.chroma[frames].astype(np.float32) - 128
    half = SIZE // 2

    def median(zone: Bools) -> F32:
        small = cv2.resize(zone.astype(np.uint8), (half, half), interpolation=cv2.INTER_NEAREST)
        return np.asarray(np.median(chroma[:, small > 0], axis=1))

    cheeks, lower = median(zones.cheeks), median(zones.lower)
    redder = median(zones.lips)[:, 0] - median(zones.around_lips)[:, 0]
    apart = np.linalg.norm(lower - cheeks, axis=1)
    usual = np.linalg.norm(cheeks, axis=1)
    return np.asarray(
        (apart > HIDDEN_LEVELS) & (apart > HIDDEN_SHARE * usual) & (redder < LIPS_LEVELS)
    )


@dataclass(frozen=True, eq=False)
class _Things:
    """What differs from skin in one frame, as things."""

    number: NDArray[np.int16]  # (SIZE, SIZE), of the thing at each cell; 0: none
    sure: frozenset[int]  # the things that are surely before the face

    @staticmethod
    def of(difference: F32, zones: _Zones) -> _Things:
        """From a frame's differences (SIZE, SIZE)."""
        large = (difference > SEED).astype(np.uint8)
        # The strokes of letters become one area, the single line of a fold does not.
        joined = cv2.morphologyEx(large, cv2.MORPH_CLOSE, _disk(SEED_CELLS))
        areas = cv2.morphologyEx(joined, cv2.MORPH_OPEN, _disk(SEED_CELLS))
        seeds = (areas > 0) & (large > 0) & zones.seed
        edges = difference > EDGE
        number, _ = label(cv2.dilate(edges.astype(np.uint8), _disk(NEAR_CELLS + 1)))
        found, cells = np.unique(number[seeds], return_counts=True)
        sure = frozenset(found[cells >= LEAST_CELLS].tolist()) - {0}
        return _Things(np.where(edges, number, 0).astype(np.int16), sure)

    def mask(self, which: set[int] | frozenset[int]) -> U8:
        """Mask (SIZE, SIZE) of some of the things."""
        return np.isin(self.number, list(which)).astype(np.uint8)

    def at(self, mask: U8) -> set[int]:
        """The things that overlap a mask."""
        found, cells = np.unique(self.number[mask > 0], return_counts=True)
        return set(found[cells >= LEAST_CELLS].tolist()) - {0}


def _follow(found: dict[int, _Things]) -> dict[int, U8]:
    """Masks of the sure things by frame, and of what they are before and after in the same place.

    A caption is as sure as its clearest frame: it must not be drawn over in the others.
    """
    masks = {i: things.mask(things.sure) for i, things in found.items()}
    for step in (1, -1):
        for i in sorted(found, reverse=step < 0):
            before = masks.get(i - step)
            if before is not None and before.any():
                masks[i] |= found[i].mask(found[i].at(before))
    seen = {i for i, mask in masks.items() if mask.any()}
    return {i: masks[i] for i in seen if _lasts(i, seen)}


def _lasts(i: int, seen: set[int]) -> bool:
    """Whether frame i is one of LEAST_FRAMES in a row that are among the seen ones."""
    starts = range(i - LEAST_FRAMES + 1, i + 1)
    return any(seen.issuperset(range(first, first + LEAST_FRAMES)) for first in starts)


def _disk(across: int) -> U8:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across)))
