"""Upright parts of frames around a face: what contact sheets and comparisons show enlarged."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale
from lipsync.types import F32, U8

# What a tile shows, in the canonical mouth space (outer-eye distances): center, width, height.
FACE = (0.0, 0.42, 2.2, 2.2)
MOUTH = (0.0, 0.86, 0.85, 0.68)
OUTSIDE = (72, 72, 74)  # where the frame ends

View = tuple[float, float, float, float]
Size = tuple[int, int]  # width and height, pixels


def fit_factor(to_frame: F32, view: View, size: Size) -> float:
    """By how much a view is enlarged that fills a tile's width."""
    return size[0] / max(view[2] * affine_scale(to_frame), 1.0)


def cut_tile(frame: U8, to_frame: F32, view: View, size: Size, factor: float | None = None) -> U8:
    """A part of a frame (h, w, 3) around a canonical place, of `size`.

    It is resampled once and not rotated: the frame's own pixels stay recognizable.

    Args:
        to_frame: (2, 3), canonical → frame pixels.
        factor: of the enlargement; None: the view fills the tile's width.
    """
    if factor is None:
        factor = fit_factor(to_frame, view, size)
    center = to_frame[:, :2] @ np.array(view[:2]) + to_frame[:, 2]
    flags = cv2.INTER_CUBIC
    reach = np.array(size) / (2 * factor) + 4 + 3 / factor
    low = np.clip(np.floor(center - reach).astype(int), 0, np.array(frame.shape[1::-1]) - 1)
    high = np.clip(np.ceil(center + reach).astype(int) + 1, low + 1, frame.shape[1::-1])
    part = frame[low[1] : high[1], low[0] : high[0]]
    if factor < 1:
        # Shrinking by interpolation alone would alias: average first.
        part, flags = np.asarray(cv2.GaussianBlur(part, (0, 0), 0.45 / factor)), cv2.INTER_LINEAR
    a = np.array([[factor, 0, 0], [0, factor, 0]], np.float64)
    a[:, 2] = (np.array(size) - 1) / 2 - factor * (center - low)
    tile = cv2.warpAffine(
        part, a, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE
    )
    return np.asarray(tile, np.uint8)
