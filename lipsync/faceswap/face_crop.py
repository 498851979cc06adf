"""The square crop in which whole faces are stored, learned and generated.

A *face crop* is a square of the canonical space, SIDE outer-eye distances across: it holds brows,
ears, chin and a margin, so that it can be rotated and shifted for augmentation. Networks see only
its *inner* part, the middle INNER of it (160 of 256 pixels, docs/method.md §9). Pixels are squares:
the center of the first one is half a pixel from the border.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale, apply_affine, compose_affine
from lipsync.face.smoothing import smooth_points
from lipsync.face.tracked_face import TrackedFace
from lipsync.types import F32, U8, LandmarkScheme

CENTER = (0.0, 0.45)  # canonical
SIDE = 3.6  # outer-eye distances
INNER = 160 / 256
OUTLINE = 64  # points of a face's outline, at equal angles
MARGIN = 0.97  # share of the inner crop that an outline may reach: networks see nothing beyond it


def canonical_to_crop(size: int, share: float = 1.0) -> F32:
    """(2, 3) canonical → pixels of the middle `share` of a face crop, `size` pixels across."""
    unit = size / (SIDE * share)
    shift = size / 2 - 0.5
    x, y = CENTER
    return np.array([[unit, 0, shift - unit * x], [0, unit, shift - unit * y]], np.float32)


def invert_affine(matrix: F32) -> F32:
    """The (2, 3) matrix that undoes `matrix`."""
    linear = np.linalg.inv(matrix[:, :2].astype(np.float64))
    return np.concatenate([linear, -linear @ matrix[:, 2:]], axis=1).astype(np.float32)


def crop_face(frame: U8, to_frame: F32, size: int, share: float = 1.0) -> U8:
    """Crop the aligned face (size, size, 3) from a frame; beyond the frame its edge is repeated.

    Args:
        to_frame: (2, 3) canonical → frame.
        share: how much of the crop, around its center; INNER: what networks see.
    """
    to_crop = canonical_to_crop(size, share)
    from_crop = compose_affine(to_frame, invert_affine(to_crop))
    corners = apply_affine(
        from_crop, np.array([(0, 0), (size, 0), (size, size), (0, size)], np.float32)
    )
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 8, 1, frame.shape[1::-1])
    low = np.clip(np.floor(corners.min(0)).astype(int) - 8, 0, high - 1)
    piece = np.ascontiguousarray(frame[low[1] : high[1], low[0] : high[0]])
    shrink = affine_scale(from_crop)
    if shrink > 1:  # average first: sampling alone would alias
        piece = cv2.GaussianBlur(piece, (0, 0), 0.45 * shrink)
    from_crop[:, 2] -= low
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if shrink > 1 else cv2.INTER_CUBIC)
    face = cv2.warpAffine(
        piece, from_crop, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(face, np.uint8)


def hull_outline(points: F32) -> F32:
    """Outline (OUTLINE, 2) of the convex hull of points (k, 2), sampled at equal angles.

    Every face gets the same number of points, so that outlines can be averaged, moved and grown.
    """
    corners = cv2.convexHull(points.astype(np.float32))[:, 0]
    center = (corners.min(0) + corners.max(0)) / 2
    a, b = corners - center, np.roll(corners, -1, axis=0) - center
    edge = b - a
    angles = np.linspace(0, 2 * np.pi, OUTLINE, endpoint=False)
    ray = np.stack([np.cos(angles), np.sin(angles)], 1)
    # ray · t = a + s · edge, solved for all pairs of rays and edges; each ray leaves by one edge.
    det = ray[:, None, 0] * -edge[None, :, 1] + ray[:, None, 1] * edge[None, :, 0]
    det = np.where(np.abs(det) < 1e-9, np.nan, det)
    t = (a[None, :, 0] * -edge[None, :, 1] + a[None, :, 1] * edge[None, :, 0]) / det
    s = (ray[:, None, 0] * a[None, :, 1] - ray[:, None, 1] * a[None, :, 0]) / det
    inside = (t > 0) & (s >= -1e-6) & (s <= 1 + 1e-6)
    radius = np.max(np.where(inside, t, 0), axis=1)
    return np.asarray(center + radius[:, None] * ray, np.float32)


def grow_outline(outline: F32, by: float) -> F32:
    """Move an outline (..., k, 2) outwards by the share `by` of its radius; negative: inwards."""
    center = outline.mean(-2, keepdims=True)
    return np.asarray(center + (1 + by) * (outline - center), np.float32)


def smooth_landmarks(face: TrackedFace) -> F32:
    """All landmarks, smoothed over time, (f, k, 2) pixels; NaN in shots without a face."""
    return smooth_points(face.track, range(face.scheme.count))


def face_outlines(face: TrackedFace, landmarks: F32, grow: float = 0.0) -> F32:
    """Outline of the face in every frame, (f, OUTLINE, 2) pixels; NaN in shots without a face.

    It is the hull of all landmarks, clipped to what networks see.

    Args:
        landmarks: from `smooth_landmarks`.
        grow: see `grow_outline`.
    """
    outlines = np.full((len(face), OUTLINE, 2), np.nan, np.float32)
    half = SIDE * INNER / 2 * MARGIN
    low, high = np.array(CENTER) - half, np.array(CENTER) + half
    to_frame, to_canonical = face.alignment.to_frame, face.alignment.to_canonical
    for i in np.flatnonzero(np.isfinite(landmarks).all((1, 2))):
        outline = grow_outline(hull_outline(landmarks[i]), grow)
        clipped = np.clip(apply_affine(to_canonical[i], outline), low, high)
        outlines[i] = apply_affine(to_frame[i], clipped.astype(np.float32))
    return outlines


def eye_boxes(points: F32, scheme: LandmarkScheme) -> list[tuple[F32, float]]:
    """(center, half width) of both eyes in a face's points (k, 2), in the points' pixels."""
    corners = points[list(scheme.anchors[:4])]  # outer and inner, left; inner and outer, right
    pairs = (corners[[0, 1]], corners[[2, 3]])
    return [(pair.mean(0), 0.75 * float(np.linalg.norm(pair[0] - pair[1]))) for pair in pairs]


def mouth_box(points: F32, scheme: LandmarkScheme) -> tuple[F32, float]:
    """(center, half width) of the mouth in a face's points (k, 2), in the points' pixels."""
    lips = points[list(scheme.lips)]
    return lips.mean(0), 0.65 * float(np.ptp(lips[:, 0]))
