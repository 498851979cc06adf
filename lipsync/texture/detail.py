"""The finest detail of a mouth: from single bank entries, steadied over neighbouring frames."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.types import F32, U8

# Weights of the frames around, for the finest detail: of one frame alone it is sharper and flickers
# more.
DETAIL_WINDOW = (1, 2, 1)
INSIDE_SOFT = 0.008  # outer-eye distances: softness of the border between lips and teeth
# Outer-eye distances: σ of the Gaussian that parts detail from the rest. What is coarser is nearer
# to the truth in the median (correlation from 0.01 to 0.02 on s1: 0.91 on lips, 0.84 on skin; in
# single entries 0.87 and 0.79) and nearly as strong. Teeth are the exception: their median is grey.
DETAIL, DETAIL_INSIDE = 0.012, 0.02
RAISED = 0.2  # by which it is raised: a mean of three pictures, once resampled, has lost as much


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
    """`steady` with a share of its finest detail exchanged for that of `sharp`, RAISED.

    Args:
        inside: (h, w) 0..1, of the lips: there it is exchanged from coarser on.
        scale: pixels per outer-eye distance.
        share: 0..1.
    """
    difference = (1 + RAISED) * sharp - steady
    coarse, coarser = (
        cv2.GaussianBlur(difference, (0, 0), sigma * scale) for sigma in (DETAIL, DETAIL_INSIDE)
    )
    fine = difference - coarse - inside[..., None] * (coarser - coarse)
    return np.asarray(np.clip(np.rint(steady + share * fine), 0, 255), np.uint8)
