"""The finest detail of a mouth: from the mean of its candidates, as strong as single ones have it.

What bent pictures of one mouth share is its own: lines of the lips, pores, edges. Their mean holds
it without the noise of any of them, only weaker, since no two are laid onto one another exactly.
It is raised towards the strength that it has in single pictures around that place (`AIM`), lines
and pores more than what is flat, where little but noise is left to raise. Where they share next to
nothing (teeth, tongue, beards, which no landmarks lay onto one another) the mean is grey however it
is raised, and a single entry's detail takes its place.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from lipsync.media.pixels import to_three_channels
from lipsync.mouth.texture.merge import weighted_mean
from lipsync.types import F32, U8

Box = tuple[slice, slice]  # rows and columns of a picture

# Weights of the frames around, for detail from single entries: of one frame alone it is sharper
# and flickers more.
DETAIL_WINDOW = (1, 2, 1)
INSIDE_SOFT = 0.008  # outer-eye distances: softness of the border between lips and teeth
# Outer-eye distances: σ of the Gaussians that part the finest detail from the coarser one, and that
# from the rest. What is coarser still is as strong in the mean as in single entries.
DETAIL, COARSER = 0.012, 0.02
# Outer-eye distances: σ of the neighbourhood whose energy is compared.
ENERGY_SIGMA, WEAK_SIGMA = 0.2, 0.05
# Outer-eye distances: σ of what tells lines from what is flat. The raise is in proportion to the
# detail's energy there as a share of the neighbourhood's, up to LINES times.
LINE_SIGMA, MAX_LINE_WEIGHT = 0.05, 1.1
MAX_RAISE = 2.0  # what must be raised by more is not shared
# Share of the single pictures' energy that is aimed at, of the finest detail and of the coarser.
# What is finest was weakened in them too, by interpolation, and is once more by the encoder; of the
# coarser some is noise.
AIM = (1.85, 0.85)
MIN_ENERGY = 0.05  # levels²
ENERGY_CELL = 4  # pixels: energies are smooth
# The mean's energy between DETAIL and COARSER as a share of the single entries': from the first one
# down a single entry's takes its place, from the second on altogether. On lips and skin it lies
# above.
WEAK = (0.8, 0.5)
# Levels²: where a single entry's own energy between DETAIL and COARSER is less than the first,
# there is no beard to be seen; from the second on there is.
VISIBLE = (0.7, 1.4)
# Share of the detail inside the lips that is the candidates' mean's: teeth keep the edges that one
# entry has, and flicker less.
SHARED_INSIDE = 0.3
# Levels by which it may darken or lighten what lies inside the lips: where the median shows teeth
# and the single picture the dark gap above or below its own, a speck would be left of the gap.
MAX_CHANGE_INSIDE = 16.0


def add_detail(
    steady: U8,
    mean: F32,
    lumas: U8,
    single: Callable[[Box], U8],
    inside: F32,
    scale: float,
    share: float,
) -> U8:
    """`steady` with a share of its finest detail exchanged for that of its candidates.

    Args:
        steady: (h, w, 3), sure of everything but that.
        mean: (h, w) luma of the candidates' mean.
        lumas: (len(DETAIL_WINDOW), h, w) of the entries chosen for the frames around this one.
        single: tells what the one chosen for this frame shows within a box, (bh, bw, 3).
        inside: (h, w) 0..1, of the lips: there detail is mostly that entry's.
        scale: pixels per outer-eye distance.
        share: 0..1.
    """
    own = _to_luma(steady)
    shared = mean - own
    shared -= _blur(shared, DETAIL * scale)
    change, weak = raise_detail(own, shared, lumas[len(lumas) // 2].astype(np.float32), scale)
    box = _bounding_box(weak)
    if weak[box].size:
        # Of neighbouring frames' entries, what they do not share is noise and flicker.
        wide, inner = _widen(box, weak.shape, scale)
        theirs = weighted_mean(lumas[:, wide[0], wide[1]], np.array(DETAIL_WINDOW, np.float32))
        change[box] += weak[box] * (_high_pass(theirs - own[wide], scale)[inner] - change[box])
    fine = to_three_channels(cv2.multiply(change, 1 - inside))
    box = _bounding_box(inside)
    if inside[box].size:
        # Teeth and tongue move by themselves: a mean of entries would be blurred.
        wide, inner = _widen(box, inside.shape, scale)
        theirs = _high_pass(cv2.subtract(single(wide), steady[wide], dtype=cv2.CV_32F), scale)[inner]
        theirs += SHARED_INSIDE * (to_three_channels(shared[box]) - theirs)
        lips = to_three_channels(inside[box])
        most = 255 - (255 - MAX_CHANGE_INSIDE) * lips
        fine[box] += lips * np.clip(theirs, -most, most)
    fine = fine if share == 1 else share * fine
    return np.asarray(cv2.add(steady.astype(np.float32), fine, dtype=cv2.CV_8U))


def raise_detail(steady: F32, shared: F32, single: F32, scale: float) -> tuple[F32, F32]:
    """What is to be added to the steady luma (h, w), and where that is not enough, 0..1.

    Args:
        shared: (h, w) the finest detail that the candidates share and the steady picture lacks.
        single: (h, w) luma of the entry that tells how strong detail is.
    """
    change = shared
    own, theirs = _split_bands(steady + shared, scale), _split_bands(single, scale)
    for aim, band, strong in zip(AIM, own, theirs, strict=True):
        held, wanted = _measure_energy(band, ENERGY_SIGMA * scale), _measure_energy(strong, ENERGY_SIGMA * scale)
        held = np.maximum(held, MIN_ENERGY)
        gain = np.sqrt(np.clip(aim * wanted / held, 1, MAX_RAISE**2))
        line = np.minimum(_measure_energy(band, LINE_SIGMA * scale) / held, MAX_LINE_WEIGHT)
        change = cv2.add(change, cv2.multiply(band, _upsample(line * (gain - 1), shared)))
    # Where a beard begins is told by less of a neighbourhood.
    held, wanted = (_measure_energy(bands[1], WEAK_SIGMA * scale) for bands in (own, theirs))
    weak = np.clip((WEAK[0] - held / np.maximum(wanted, 1e-3)) / (WEAK[0] - WEAK[1]), 0, 1)
    weak *= np.clip((wanted - VISIBLE[0]) / (VISIBLE[1] - VISIBLE[0]), 0, 1)
    return np.asarray(change), _upsample(np.asarray(weak, np.float32), shared)


def _high_pass(difference: F32, scale: float) -> F32:
    """What of a difference of pictures is finer than COARSER."""
    return np.asarray(difference - _blur(difference, COARSER * scale))


def _widen(box: Box, shape: tuple[int, ...], scale: float) -> tuple[Box, Box]:
    """A box with what around it is needed to part its detail, and where in that it lies."""
    reach = int(np.ceil(3 * COARSER * scale))
    rows, columns = (
        slice(max(0, part.start - reach), min(part.stop + reach, side))
        for part, side in zip(box, shape, strict=True)
    )
    inner = tuple(
        slice(part.start - wide.start, part.stop - wide.start)
        for part, wide in zip(box, (rows, columns), strict=True)
    )
    return (rows, columns), (inner[0], inner[1])


def _blur(picture: F32, sigma: float) -> F32:
    """By a Gaussian of σ pixels, cut off at 3 σ, sooner than OpenCV's own choice."""
    side = 2 * int(np.ceil(3 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(picture, (side, side), sigma))


def _to_luma(picture: U8) -> F32:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _split_bands(luma: F32, scale: float) -> tuple[F32, F32]:
    """What is finer than DETAIL, and what lies between it and COARSER."""
    fine = _blur(luma, DETAIL * scale)
    coarse = _blur(fine, (COARSER**2 - DETAIL**2) ** 0.5 * scale)
    return cv2.subtract(luma, fine), cv2.subtract(fine, coarse)


def _measure_energy(band: F32, sigma: float) -> F32:
    """Mean square around every ENERGY_CELLth pixel, as far as a Gaussian of σ pixels reaches."""
    size = tuple(-(-side // ENERGY_CELL) for side in band.shape[::-1])
    small = cv2.resize(cv2.multiply(band, band), size, interpolation=cv2.INTER_AREA)
    side = 2 * round(1.7 * sigma / ENERGY_CELL) + 1
    return np.asarray(cv2.blur(small, (side, side)))


def _upsample(small: F32, like: F32) -> F32:
    size = like.shape[::-1]
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR))


def _bounding_box(where: F32) -> Box:
    """The rows and columns that hold everything above zero; the first ones if there is nothing."""
    x, y, width, height = cv2.boundingRect((where > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)
