"""Small operations on pixels: crops, cell means, masks on colours."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.types import F32, U8

# Pixels per outer-eye distance that are enough for all but the finest detail, and for what of that
# many pictures have in common.
BASE_SCALE, FINE_SCALE = 48, 80


def on_colours(mask: F32) -> F32:
    """A mask (h, w) for pictures of three colours: quicker than numpy's broadcasting."""
    return np.asarray(cv2.merge([mask] * 3))


def reduction_of(scale: float, enough: int = BASE_SCALE) -> int:
    """By how much a face of `scale` pixels per outer-eye distance may be reduced."""
    return max(1, int(scale / enough))


def cell_means(picture: U8, reduction: int) -> U8:
    """The picture (h, w[, 3]) in cells of so many pixels across, each their mean."""
    if reduction == 1:
        return picture
    height, width = picture.shape[:2]
    bottom, right = -height % reduction, -width % reduction
    padded = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // reduction, padded.shape[0] // reduction)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))


def cut_out(frame: U8, corner: F32, width: int, height: int) -> U8:
    """The box (height, width, 3) of a frame; what lies outside repeats the frame's edge."""
    x, y = int(corner[0]), int(corner[1])
    h, w = frame.shape[:2]
    if x >= 0 and y >= 0 and x + width <= w and y + height <= h:
        return frame[y : y + height, x : x + width]
    rows = np.clip(np.arange(y, y + height), 0, h - 1)
    columns = np.clip(np.arange(x, x + width), 0, w - 1)
    return frame[np.ix_(rows, columns)]
