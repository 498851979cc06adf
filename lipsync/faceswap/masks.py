"""Masks of the generated face: how much of it each pixel shows, and what occludes it."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from lipsync.faceswap.face_crop import INNER, SIDE, canonical_to_crop, hull_outline
from lipsync.types import F32

MaskKind = Literal["hull", "learned", "both"]
BORDER = 0.04  # share of the crop at its border that is never shown: pixels there lack context
# Something occludes the face where the target's own decoder, which knows faces only, reconstructs
# it badly. The new face fades out between these multiples of the decoder's usual RMS error.
OCCLUSION_ERROR = (3.2, 4.4)
# Median of the local errors inside an unoccluded face, as a share of their RMS.
MEDIAN_TO_RMS = 0.8
MIN_OCCLUDER = 0.035  # across, share of the crop: anything smaller is a glint in an eye
BROWS = -0.3  # canonical y: above it the new face fades into the target's forehead


def patch_alpha(
    size: int,
    learned: F32 | None,
    unoccluded: F32 | None,
    kind: MaskKind,
    expand: float,
    feather: float,
) -> F32:
    """Opacity of each pixel of the new face, (R, R), 0..1.

    The hull is not part of it: the compositor clips the face to its outline.

    Args:
        size: R.
        learned: the network's mask; None: it makes none.
        unoccluded: from `unoccluded_mask`; None: occlusions are ignored.
        expand, feather: see `FaceOptions`; they act on the learned mask where it is the only bound.
    """
    result = np.ones((size, size), np.float32)
    if kind != "hull" and learned is not None:
        result = learned
        if kind == "learned":
            result = _feather_mask(_grow_mask(learned, expand), feather)
    if unoccluded is not None:
        result = result * unoccluded
    edge = np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5) / (BORDER * size)
    ramp = np.clip(edge - 0.25, 0, 1)
    return np.asarray(result * np.minimum(ramp[:, None], ramp[None]), np.float32)


def _grow_mask(mask: F32, by: float) -> F32:
    """Move the border of a mask (R, R) outwards by a share of the face's radius."""
    reach = round(abs(by) * 0.35 * len(mask))
    if reach == 0:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    change = cv2.dilate if by > 0 else cv2.erode
    return np.asarray(change(mask, disc), np.float32)


def _feather_mask(mask: F32, feather: float) -> F32:
    """Soften a mask's border; `feather` is in outer-eye distances."""
    sigma = feather / (SIDE * INNER) * len(mask)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(sigma, 0.3)), np.float32)


def forehead_fade(points: F32, size: int) -> F32:
    """Opacity of each row of the crop, (size,), 0..1: it falls from the brows up to the hairline.

    It is 1 up to the brows and 0 at the top of the hull of the landmarks (k, 2). The network cannot
    tell whose hair hangs into the face, and a hard edge across the forehead is visible.
    """
    matrix = canonical_to_crop(size, INNER)
    brows = matrix[1, 1] * BROWS + matrix[1, 2]
    top = float(points[:, 1].min())
    rows = np.clip((np.arange(size) - top) / max(brows - top, 1e-6), 0, 1)
    return np.asarray(rows * rows * (3 - 2 * rows), np.float32)


def skin_mask(points: F32, size: int) -> F32:
    """1 inside the hull of landmarks (k, 2), shrunk by a tenth, else 0; (size, size)."""
    mask = np.zeros((size, size), np.float32)
    outline = hull_outline(points)
    inside = outline.mean(0) + 0.9 * (outline - outline.mean(0))
    cv2.fillConvexPoly(mask, np.round(inside).astype(np.int32), 1.0)
    return mask


def unoccluded_mask(face: F32, own: F32, error: float, inside: F32) -> F32:
    """1 where nothing is in front of the target's face, falling to 0 on occluders; (R, R).

    Args:
        face: (R, R, 3), 0..1, the target's face.
        own: (R, R, 3), the same as the target's own decoder reconstructs it.
        error: RMS reconstruction error on held-out faces, an upper limit: a face's surroundings
            are harder to reconstruct than the face. Where the frame's own error is lower, that is
            used. It is taken from the median over the face, which a hand leaves unchanged as long
            as it covers less than half of it.
        inside: (R, R) 0..1, of the face.
    """
    size = len(face)
    off = own - face
    off = off - np.median(off.reshape(-1, 3), axis=0)  # a change of light is no occluder
    rms = np.sqrt(cv2.GaussianBlur((off * off).mean(2), (0, 0), 0.02 * size))
    if (inside > 0.5).any():
        error = min(error, float(np.median(rms[inside > 0.5])) / MEDIAN_TO_RMS)
    low, high = (multiple * error for multiple in OCCLUSION_ERROR)
    cover = np.clip((rms - low) / max(high - low, 1e-6), 0, 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_round_to_odd(MIN_OCCLUDER * size),) * 2)
    cover = cv2.morphologyEx(cover, cv2.MORPH_OPEN, kernel)
    cover = cv2.GaussianBlur(cv2.dilate(cover, kernel), (0, 0), 0.015 * size)
    return np.asarray(1 - np.clip(cover, 0, 1), np.float32)


def _round_to_odd(value: float) -> int:
    return 2 * round(value / 2) + 1
