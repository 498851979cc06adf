"""The finest detail of a mouth: from the mean of its candidates, as strong as single ones have it.

What bent pictures of one mouth share is its own: lines of the lips, pores, edges. Their mean holds
it without the noise of any of them, only weaker, since no two are laid onto one another exactly.
It is raised to the strength that it has in single pictures around that place (`AIM`). Where they
share next to nothing (teeth, tongue, beards, which no landmarks lay onto one another) the mean is
grey however it is raised, and a single entry's detail takes its place.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.looks import on_colours
from lipsync.texture.merging import weighted_mean
from lipsync.types import F32, U8

# Weights of the frames around, for detail from single entries: of one frame alone it is sharper
# and flickers more.
DETAIL_WINDOW = (1, 2, 1)
INSIDE_SOFT = 0.008  # outer-eye distances: softness of the border between lips and teeth
# Outer-eye distances: σ of the Gaussians that part the finest detail from the coarser one, and that
# from the rest. What is coarser still is as strong in the mean as in single entries.
DETAIL, COARSER = 0.012, 0.02
# Outer-eye distances: σ of the neighbourhood whose energy is compared.
AROUND, WEAK_AROUND = 0.2, 0.05
RAISED_MOST = 2.0  # what must be raised by more is not shared
# Share of the single pictures' energy that is aimed at, of the finest detail and of the coarser.
# What is finest was weakened in them too, by interpolation, and is once more by the encoder; of the
# coarser some is noise.
AIM = (1.85, 0.85)
LEAST_ENERGY = 0.05  # levels²
ENERGY_CELL = 4  # pixels: energies are smooth
# The mean's energy between DETAIL and COARSER as a share of the single entries': from the first one
# down a single entry's takes its place, from the second on altogether. On lips and skin it lies
# above.
WEAK = (0.8, 0.5)
# Levels by which it may darken or lighten what lies inside the lips: where the median shows teeth
# and the single picture the dark gap above or below its own, a speck would be left of the gap.
MOST_INSIDE = 16.0


def with_detail(steady: U8, mean: F32, singles: U8, inside: F32, scale: float, share: float) -> U8:
    """`steady` with a share of its finest detail exchanged for that of its candidates.

    Args:
        steady: (h, w, 3), sure of everything but that.
        mean: (h, w) luma of the candidates' mean.
        singles: (len(DETAIL_WINDOW), h, w, 3) entries chosen for the frames around this one.
        inside: (h, w) 0..1, of the lips: there it is the single entry's.
        scale: pixels per outer-eye distance.
        share: 0..1.
    """
    middle = singles[len(singles) // 2]
    shared, weak = _raised(_luma(steady), mean, _luma(middle), scale)
    where = np.maximum(inside, weak)
    fine = on_colours(cv2.multiply(shared, 1 - where))
    box = _box(where)
    if where[box].size:
        single = _single(steady, singles, inside, scale, box)
        fine[box] += on_colours(where[box]) * single
    fine = fine if share == 1 else share * fine
    return np.asarray(cv2.add(steady.astype(np.float32), fine, dtype=cv2.CV_8U))


def _raised(steady: F32, mean: F32, single: F32, scale: float) -> tuple[F32, F32]:
    """What is to be added to the steady luma (h, w), and where that is not enough, 0..1.

    Args:
        single: (h, w) luma of the entry that tells how strong detail is.
    """
    lacking = mean - steady
    change = lacking - cv2.GaussianBlur(lacking, (0, 0), DETAIL * scale)
    own, theirs = _bands(steady + change, scale), _bands(single, scale)
    for aim, band, strong in zip(AIM, own, theirs, strict=True):
        held, wanted = _energy(band, AROUND * scale), _energy(strong, AROUND * scale)
        gain = np.sqrt(np.clip(aim * wanted / np.maximum(held, LEAST_ENERGY), 1, RAISED_MOST**2))
        change = cv2.add(change, cv2.multiply(band, _enlarged(gain - 1, mean)))
    # Where a beard begins is told by less of a neighbourhood.
    held, wanted = (_energy(bands[1], WEAK_AROUND * scale) for bands in (own, theirs))
    weak = np.clip((WEAK[0] - held / np.maximum(wanted, 1e-3)) / (WEAK[0] - WEAK[1]), 0, 1)
    return np.asarray(change), _enlarged(np.asarray(weak, np.float32), mean)


def _single(steady: U8, singles: U8, inside: F32, scale: float, box: tuple[slice, slice]) -> F32:
    """What single entries have in a box beyond the steady picture, (bh, bw, 3)."""
    lips = inside[box][..., None]
    reach = int(np.ceil(3 * COARSER * scale))
    wide = tuple(slice(max(0, s.start - reach), s.stop + reach) for s in box)
    inner = tuple(
        slice(s.start - w.start, s.stop - w.start) for s, w in zip(box, wide, strict=True)
    )
    sharp = steadied(singles[:, wide[0], wide[1]], inside[wide])
    difference = sharp - steady[wide].astype(np.float32)
    fine = (difference - cv2.GaussianBlur(difference, (0, 0), COARSER * scale))[inner]
    most = 255 - (255 - MOST_INSIDE) * lips
    return np.asarray(np.clip(fine, -most, most))


def steadied(singles: U8, inside: F32) -> F32:
    """Pictures of neighbouring frames' details as one: their mean; the middle one inside the lips.

    Lips and skin are bent onto one another, so that what their pictures do not share is noise and
    flicker. Teeth and tongue move by themselves: their mean would be blurred.

    Args:
        singles: (len(DETAIL_WINDOW), h, w, 3).
        inside: (h, w) 0..1.
    """
    mean = weighted_mean(singles, np.array(DETAIL_WINDOW, np.float32))
    box = _box(inside)
    lips = inside[box][..., None]
    mean[box] += lips * (singles[len(singles) // 2][box] - mean[box])
    return mean


def _luma(picture: U8) -> F32:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _bands(luma: F32, scale: float) -> tuple[F32, F32]:
    """What is finer than DETAIL, and what lies between it and COARSER."""
    fine, coarse = (cv2.GaussianBlur(luma, (0, 0), sigma * scale) for sigma in (DETAIL, COARSER))
    return cv2.subtract(luma, fine), cv2.subtract(fine, coarse)


def _energy(band: F32, sigma: float) -> F32:
    """Mean square around every ENERGY_CELLth pixel, as far as a Gaussian of σ pixels reaches."""
    size = tuple(-(-side // ENERGY_CELL) for side in band.shape[::-1])
    small = cv2.resize(cv2.multiply(band, band), size, interpolation=cv2.INTER_AREA)
    side = 2 * round(1.7 * sigma / ENERGY_CELL) + 1
    return np.asarray(cv2.blur(small, (side, side)))


def _enlarged(small: F32, like: F32) -> F32:
    size = like.shape[::-1]
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR))


def _box(where: F32) -> tuple[slice, slice]:
    """The rows and columns that hold everything above zero; the first ones if there is nothing."""
    x, y, width, height = cv2.boundingRect((where > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)
