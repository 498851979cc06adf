"""Small operations on pixels: crops, cell means, polygons, masks on colors."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.types import F32, U8

# Pixels per outer-eye distance that resolve all but the finest detail, and the part of the finest
# detail that many pictures share.
BASE_SCALE, FINE_SCALE = 48, 80
ENOUGH_SIGMA = 2.5  # pixels: of wider Gaussians this much is computed
LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601), as in OpenCV
POLYGON_SHIFT = 4  # fractional bits of a polygon's coordinates: 1/16 pixel


def to_three_channels(mask: F32) -> F32:
    """Repeat a mask (h, w) for three color channels; faster than numpy's broadcasting."""
    return np.asarray(cv2.merge([mask] * 3))


def reduction_factor(scale: float, enough: int = BASE_SCALE) -> int:
    """Whole factor by which a face of `scale` pixels per outer-eye distance may be reduced.

    Args:
        enough: pixels per outer-eye distance that must remain.
    """
    return max(1, int(scale / enough))


Pixels = TypeVar("Pixels", U8, F32)


def blur_reduced(picture: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of σ pixels; what has no fine detail left is computed reduced and enlarged."""
    reduction = max(1, int(sigma / ENOUGH_SIGMA))
    small = cv2.GaussianBlur(cell_means(picture, reduction), (0, 0), sigma / reduction)
    return enlarge(np.asarray(small), reduction, picture.shape[:2])


def enlarge(small: Pixels, reduction: int, shape: tuple[int, ...]) -> Pixels:
    """The opposite of `cell_means`, to h, w, by linear interpolation."""
    if reduction == 1:
        return small
    size = (small.shape[1] * reduction, small.shape[0] * reduction)
    large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[: shape[0], : shape[1]])


def cell_means(picture: Pixels, reduction: int) -> Pixels:
    """Reduce a picture (h, w[, 3]) to the means of cells `reduction` pixels across.

    Cells that the picture does not fill repeat its last pixels.
    """
    if reduction == 1:
        return picture
    height, width = picture.shape[:2]
    bottom, right = -height % reduction, -width % reduction
    padded = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // reduction, padded.shape[0] // reduction)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))


def crop_replicated(frame: U8, corner: F32, width: int, height: int) -> U8:
    """Crop a box (height, width, 3) from a frame; pixels outside it repeat the frame's edge.

    Args:
        corner: (2,), x and y of the top left pixel, whole numbers.
    """
    x, y = int(corner[0]), int(corner[1])
    h, w = frame.shape[:2]
    if x >= 0 and y >= 0 and x + width <= w and y + height <= h:
        return frame[y : y + height, x : x + width]
    # What lies inside, at least the nearest row and column, and how far the box reaches beyond.
    top, left = min(max(-y, 0), height - 1), min(max(-x, 0), width - 1)
    first, begin = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
    inside = frame[first : max(1, min(y + height, h)), begin : max(1, min(x + width, w))]
    bottom, right = height - top - inside.shape[0], width - left - inside.shape[1]
    return np.asarray(
        cv2.copyMakeBorder(inside, top, bottom, left, right, cv2.BORDER_REPLICATE), frame.dtype
    )


def fill_polygon(mask: U8, points: NDArray[np.floating]) -> None:
    """Fill a polygon in a mask (h, w) with 255, in place, with antialiased edges.

    Args:
        points: (k, 2) pixels, to 1/16 pixel.
    """
    fixed = np.round(points * (1 << POLYGON_SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, POLYGON_SHIFT)
