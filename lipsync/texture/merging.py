"""Many pictures of one mouth as one."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.types import F32, U8


def unsoftened(mean: U8) -> U8:
    """What many linear interpolations have in common (h, w, 3), freed of their softness.

    At offsets spread evenly over a pixel, linear interpolation multiplies the frequency ω by
    (sin(ω/2) / (ω/2))² in the mean; this is its inverse up to a quarter of the sampling rate.
    """
    return np.asarray(cv2.filter2D(mean, -1, _INVERSE, borderType=cv2.BORDER_REPLICATE))


# 1 + (2 − 2 cos ω) / 9 for each axis: within 0.015 of the inverse up to ω = π/2.
_INVERSE = np.array([[0, -1, 0], [-1, 13, -1], [0, -1, 0]], np.float32) / 9


def weighted_median(stack: U8, weights: F32) -> U8:
    """Per element, the least value v such that entries ≤ v hold at least half of the weight.

    Bisection over the eight bits of the intensity: no sorting, bytes only. Weights are rounded to
    255ths (65535ths beyond 64 entries) with their sum kept.

    Args:
        stack: (n, ...) u8; weights: (n,), summing to 1.

    Returns:
        (...) u8.
    """
    n = len(stack)
    if n == 1:
        return np.asarray(stack[0].copy())
    kind = np.uint8 if n <= 64 else np.uint16
    total = int(np.iinfo(kind).max)
    # Rounding the running sum keeps the total exact and no weight off by more than one part.
    parts = np.diff(np.round(np.cumsum(weights) / np.sum(weights) * total), prepend=0).astype(kind)
    low = np.zeros(stack.shape[1:], np.uint8)
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        middle = low + np.uint8(bit - 1)
        held = np.zeros(low.shape, kind)
        for picture, part in zip(stack, parts, strict=True):
            if part:
                held += (picture <= middle) * part
        low += np.where(held <= total // 2, np.uint8(bit), np.uint8(0))
    return low
