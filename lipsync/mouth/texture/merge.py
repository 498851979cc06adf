"""Weighted mean and median of many pictures of one mouth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar, cast

import cv2
import numpy as np

from lipsync.types import F32, U8

Picture = TypeVar("Picture", U8, F32)


def deblur_mean(mean: Picture) -> Picture:
    """Undo the blur of linear interpolation in the mean of many pictures (h, w[, 3]).

    Averaged over subpixel offsets, linear interpolation multiplies the frequency ω by
    (sin(ω/2) / (ω/2))²; this filter is its inverse up to a quarter of the sampling rate.
    """
    return cast(Picture, cv2.filter2D(mean, -1, _DEBLUR_KERNEL, borderType=cv2.BORDER_REPLICATE))


# 1 + (2 − 2 cos ω) / 9 for each axis: within 0.015 of the inverse up to ω = π/2.
_DEBLUR_KERNEL = np.array([[0, -1, 0], [-1, 13, -1], [0, -1, 0]], np.float32) / 9


def weighted_mean(pictures: Iterable[U8], weights: F32) -> F32:
    """Weighted mean of pictures (h, w[, 3]).

    Raises:
        ValueError: there are no pictures.
    """
    mean, total = None, 0.0
    for picture, weight in zip(pictures, weights.tolist(), strict=True):
        total += weight
        if mean is None:
            mean = picture.astype(np.float32)
        elif weight > 0:
            cv2.accumulateWeighted(picture, mean, weight / total)
    if mean is None:
        raise ValueError("the mean of no pictures")
    return np.asarray(mean)


def weighted_median(stack: U8, weights: F32) -> U8:
    """Weighted median of each element over a stack of pictures, (...) u8.

    The least value v such that entries ≤ v hold at least half of the weight, by bisection over the
    eight bits of the intensity: no sorting, bytes only. Weights are rounded to 255ths (65535ths
    beyond 64 entries) with their sum kept.

    Args:
        stack: (n, ...) u8; weights: (n,), summing to 1.
    """
    n = len(stack)
    if n == 1:
        return np.asarray(stack[0].copy())
    kind = np.uint8 if n <= 64 else np.uint16
    total = int(np.iinfo(kind).max)
    # Rounding the cumulative sum keeps the total exact and every weight within one part.
    parts = np.diff(np.round(np.cumsum(weights) / np.sum(weights) * total), prepend=0).astype(kind)
    low = np.zeros(stack.shape[1:], np.uint8)
    # Pictures are small and many: allocating arrays in every step would take time.
    below = np.empty(low.shape, bool)
    share, held = (np.empty(low.shape, np.dtype(kind)) for _ in range(2))
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):
        middle = low + np.uint8(bit - 1)
        held[:] = 0
        for picture, part in zip(stack, parts, strict=True):
            if part:
                np.less_equal(picture, middle, out=below)
                np.multiply(below.view(np.uint8), part, out=share)
                np.add(held, share, out=held)
        low += np.where(np.less_equal(held, total // 2), np.uint8(bit), np.uint8(0))
    return low
