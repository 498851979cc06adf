"""Where the new face is shown."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from lipsync.faceswap.face_crop import INNER, SIDE, face_matrix, hull
from lipsync.types import F32

MaskKind = Literal["hull", "learned", "both"]
BORDER = 0.04  # share of the picture at its border where nothing is shown: it has no neighbours
# Something covers the face where its own decoder, which knows nothing but the face, makes it so
# wrong: multiples of its usual RMS error inside the face, over which the new face goes.
COVERED = (3.2, 4.4)
MEDIAN = 0.8  # of the local errors inside a face that nothing covers, as a share of their RMS
SMALLEST = 0.035  # across, share of the picture: what is smaller is an eye's glint
BROWS = -0.3  # canonical y: above them the new face fades into the target's forehead


def alpha(
    size: int, learned: F32 | None, free: F32 | None, kind: MaskKind, expand: float, feather: float
) -> F32:
    """How much of the new face each of its pixels shows, (R, R), 0..1.

    The hull is not in it: the compositor bounds the face by its outline.

    Args:
        size: R.
        learned: the network's mask; None: it makes none.
        free: from `uncovered`; None: not looked for.
        expand, feather: of the options; they act on the learned mask where it alone bounds.
    """
    result = np.ones((size, size), np.float32)
    if kind != "hull" and learned is not None:
        result = learned
        if kind == "learned":
            result = _softened(_grown(learned, expand), feather)
    if free is not None:
        result = result * free
    edge = np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5) / (BORDER * size)
    ramp = np.clip(edge - 0.25, 0, 1)
    return np.asarray(result * np.minimum(ramp[:, None], ramp[None]), np.float32)


def _grown(mask: F32, by: float) -> F32:
    """A mask (R, R) whose border is moved outwards by a share of the face's radius."""
    reach = round(abs(by) * 0.35 * len(mask))
    if reach == 0:
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    change = cv2.dilate if by > 0 else cv2.erode
    return np.asarray(change(mask, disc), np.float32)


def _softened(mask: F32, feather: float) -> F32:
    sigma = feather / (SIDE * INNER) * len(mask)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(sigma, 0.3)), np.float32)


def below_hair(points: F32, size: int) -> F32:
    """How much of a face is shown in each row of its picture, (size,), 0..1.

    All of it up to the brows, nothing at the top of the hull of the landmarks (k, 2): whose hair it
    was that hung into the face, the network does not know, and a line across the forehead is seen.
    """
    matrix = face_matrix(size, INNER)
    brows = matrix[1, 1] * BROWS + matrix[1, 2]
    top = float(points[:, 1].min())
    rows = np.clip((np.arange(size) - top) / max(brows - top, 1e-6), 0, 1)
    return np.asarray(rows * rows * (3 - 2 * rows), np.float32)


def skin(points: F32, size: int) -> F32:
    """The hull of landmarks (k, 2), a little inside it, (size, size): 1."""
    mask = np.zeros((size, size), np.float32)
    outline = hull(points)
    inside = outline.mean(0) + 0.9 * (outline - outline.mean(0))
    cv2.fillConvexPoly(mask, np.round(inside).astype(np.int32), 1.0)
    return mask


def uncovered(face: F32, own: F32, error: float, inside: F32) -> F32:
    """Where nothing is before the target's face, (R, R), 0..1.

    Args:
        face: (R, R, 3), 0..1, the target's face.
        own: the same, made by the target's own decoder.
        error: RMS of such a reconstruction on held-out faces, at most. What surrounds a face is
            harder to make than the face, so that the frame's own is taken where it is less: by the
            median over the face, which a hand does not move as long as it covers less than half.
        inside: (R, R) 0..1, of the face.
    """
    size = len(face)
    off = own - face
    off = off - np.median(off.reshape(-1, 3), axis=0)  # other light, not another thing
    rms = np.sqrt(cv2.GaussianBlur((off * off).mean(2), (0, 0), 0.02 * size))
    if (inside > 0.5).any():
        error = min(error, float(np.median(rms[inside > 0.5])) / MEDIAN)
    low, high = (multiple * error for multiple in COVERED)
    cover = np.clip((rms - low) / max(high - low, 1e-6), 0, 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_odd(SMALLEST * size),) * 2)
    cover = cv2.morphologyEx(cover, cv2.MORPH_OPEN, kernel)
    cover = cv2.GaussianBlur(cv2.dilate(cover, kernel), (0, 0), 0.015 * size)
    return np.asarray(1 - np.clip(cover, 0, 1), np.float32)


def _odd(value: float) -> int:
    return 2 * round(value / 2) + 1
