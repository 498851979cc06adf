"""The finest detail of a mouth: from single bank entries, steadied over neighbouring frames."""

from __future__ import annotations

import cv2
import numpy as np

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
    weights = np.array(DETAIL_WINDOW, np.float32) / np.float32(sum(DETAIL_WINDOW))
    middle = sharp[len(sharp) // 2].astype(np.float32)
    mean = np.zeros_like(middle)
    for picture, weight in zip(sharp, weights, strict=True):
        mean += weight * picture
    return np.asarray(mean + inside[..., None] * (middle - mean), np.float32)


def with_detail(steady: U8, sharp: F32, inside: F32, scale: float, share: float) -> U8:
    """`steady` with a share of its finest detail exchanged for that of `sharp`.

    Args:
        inside: (h, w) 0..1, of the lips: there it is exchanged from coarser on.
        scale: pixels per outer-eye distance.
        share: 0..1.
    """
    raised = (1 + RAISED * (1 - inside))[..., None]
    difference = raised * sharp - steady
    coarse, coarser = (
        cv2.GaussianBlur(difference, (0, 0), sigma * scale) for sigma in (DETAIL, COARSER)
    )
    where = np.maximum(inside, _weak(steady, sharp, scale))[..., None]
    fine = difference - coarse - where * (coarser - coarse)
    most = (255 - (255 - MOST_INSIDE) * inside)[..., None]
    fine = np.clip(fine, -most, most)
    return np.asarray(np.clip(np.rint(steady + share * fine), 0, 255), np.uint8)


def _weak(steady: U8, sharp: F32, scale: float) -> F32:
    """Where `steady` has lost what `sharp` has between DETAIL and COARSER, (h, w) 0..1."""
    energies = []
    for picture in (steady.astype(np.float32), sharp):
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        fine, coarse = (cv2.GaussianBlur(gray, (0, 0), s * scale) for s in (DETAIL, COARSER))
        side = 2 * round(1.7 * AROUND * scale) + 1  # as wide as that Gaussian
        energies.append(cv2.blur((fine - coarse) ** 2, (side, side)))
    kept = energies[0] / np.maximum(energies[1], 1e-3)
    return np.asarray(np.clip((WEAK[0] - kept) / (WEAK[0] - WEAK[1]), 0, 1), np.float32)
