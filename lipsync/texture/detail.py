"""The finest detail of a mouth: from single bank entries, steadied over neighbouring frames."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.looks import on_colours
from lipsync.types import F32, U8

# Weights of the frames around, for the finest detail: of one frame alone it is sharper and flickers
# more.
DETAIL_WINDOW = (1, 2, 3, 2, 1)
INSIDE_SOFT = 0.008  # outer-eye distances: softness of the border between lips and teeth
# Outer-eye distances: σ of the Gaussian that parts detail from the rest. What is coarser is nearer
# to the truth in the median than in single entries, and nearly as strong. Where it is not, it is
# taken from a single entry as well: of teeth and beards, which no landmarks lay onto one another,
# the median is grey.
DETAIL, COARSER = 0.012, 0.02
# The median's energy between the two as a share of the entry's: from the first one down its place
# is taken, from the second on altogether. On lips and skin it lies above.
WEAK = (0.8, 0.5)
HALVED = 110  # pixels per outer-eye distance from which on half the size tells it as well
AROUND = 0.05  # outer-eye distances: σ of the neighbourhood that tells
# By which it is raised outside the lips: the mean of several pictures that were resampled has less
# energy than the footage's own, and not all of it is taken. Inside it is one picture: raised, its
# noise shows as specks on the teeth.
RAISED = 0.25
# Levels by which it may darken or lighten what lies inside the lips: where the median shows teeth
# and the single picture the dark gap above or below its own, a speck would be left of the gap.
MOST_INSIDE = 16.0


def steadied(sharp: U8, inside: F32) -> F32:
    """Pictures of neighbouring frames' details as one: their mean; the middle one inside the lips.

    Lips and skin are bent onto one another, so that what their pictures do not share is noise and
    flicker. Teeth and tongue move by themselves: their mean would be blurred.

    Args:
        sharp: (len(DETAIL_WINDOW), h, w, 3).
        inside: (h, w) 0..1.
    """
    mean = sharp[0].astype(np.float32)
    for k in range(1, len(sharp)):
        cv2.accumulateWeighted(sharp[k], mean, DETAIL_WINDOW[k] / sum(DETAIL_WINDOW[: k + 1]))
    box = _box(inside)
    lips = inside[box][..., None]
    mean[box] += lips * (sharp[len(sharp) // 2][box] - mean[box])
    return np.asarray(mean)


def with_detail(steady: U8, sharp: F32, inside: F32, scale: float, share: float) -> U8:
    """`steady` with a share of its finest detail exchanged for that of `sharp`.

    Args:
        inside: (h, w) 0..1, of the lips: there it is exchanged from coarser on.
        scale: pixels per outer-eye distance.
        share: 0..1.
    """
    box = _box(inside)
    lips = inside[box][..., None]
    before = steady.astype(np.float32)
    difference = cv2.addWeighted(sharp, 1 + RAISED, before, -1, 0)
    difference[box] -= RAISED * lips * sharp[box]
    coarse, coarser = (
        cv2.GaussianBlur(difference, (0, 0), sigma * scale) for sigma in (DETAIL, COARSER)
    )
    where = np.maximum(inside, _weak(steady, sharp, scale))
    fine = cv2.subtract(difference, coarse)
    fine += cv2.multiply(cv2.subtract(coarse, coarser), on_colours(where))
    most = 255 - (255 - MOST_INSIDE) * lips
    fine[box] = np.clip(fine[box], -most, most)
    return np.asarray(cv2.add(before, cv2.multiply(fine, share), dtype=cv2.CV_8U))


def _box(inside: F32) -> tuple[slice, slice]:
    """The rows and columns that hold everything above zero; the first ones if there is nothing."""
    x, y, width, height = cv2.boundingRect((inside > 0).astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def _weak(steady: U8, sharp: F32, scale: float) -> F32:
    """Where `steady` has lost what `sharp` has between DETAIL and COARSER, (h, w) 0..1.

    Looked for at half the size where that band is wide enough for it.
    """
    height, width = steady.shape[:2]
    half = scale >= HALVED
    size = (-(-width // 2), -(-height // 2)) if half else (width, height)
    scale = scale / 2 if half else scale
    energies = []
    for picture in (steady.astype(np.float32), sharp):
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        if half:
            gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        fine, coarse = (cv2.GaussianBlur(gray, (0, 0), s * scale) for s in (DETAIL, COARSER))
        side = 2 * round(1.7 * AROUND * scale) + 1  # as wide as that Gaussian
        energies.append(cv2.blur((fine - coarse) ** 2, (side, side)))
    kept = energies[0] / np.maximum(energies[1], 1e-3)
    weak = np.clip((WEAK[0] - kept) / (WEAK[0] - WEAK[1]), 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(weak, (width, height)) if half else weak)
