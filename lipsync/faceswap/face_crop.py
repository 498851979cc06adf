"""The square in which whole faces are stored, learnt and made: a piece of the canonical space.

A *face* is SIDE outer-eye distances across: brows, ears, chin and what is around them, so that it
can be turned and shifted. Its *inner* part, the middle INNER of it (METHOD.md §9: 160 of 256
pixels), is what networks see. Pixels of either are squares: the first one's centre is half a
pixel from the border.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import apply, compose, scale_of
from lipsync.face.tracked_face import smoothed_points
from lipsync.types import F32, U8, Alignment, FaceTrack, LandmarkScheme

CENTRE = (0.0, 0.45)  # canonical
SIDE = 3.6  # outer-eye distances
INNER = 160 / 256
OUTLINE = 64  # points of a face's outline, at equal angles


def face_matrix(size: int, share: float = 1.0) -> F32:
    """(2, 3) canonical → pixels of the middle `share` of a face shown `size` pixels across."""
    unit = size / (SIDE * share)
    shift = size / 2 - 0.5
    x, y = CENTRE
    return np.array([[unit, 0, shift - unit * x], [0, unit, shift - unit * y]], np.float32)


def inverse(matrix: F32) -> F32:
    """The (2, 3) matrix that undoes `matrix`."""
    linear = np.linalg.inv(matrix[:, :2].astype(np.float64))
    return np.concatenate([linear, -linear @ matrix[:, 2:]], axis=1).astype(np.float32)


def cut_face(frame: U8, to_frame: F32, size: int, share: float = 1.0) -> U8:
    """The aligned face (size, size, 3) of a frame; what lies outside repeats the frame's edge.

    Args:
        to_frame: (2, 3) canonical → frame.
        share: how much of the face, about its middle; INNER: what networks see.
    """
    to_face = face_matrix(size, share)
    from_face = compose(to_frame, inverse(to_face))
    corners = apply(from_face, np.array([(0, 0), (size, 0), (size, size), (0, size)], np.float32))
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 8, 1, frame.shape[1::-1])
    low = np.clip(np.floor(corners.min(0)).astype(int) - 8, 0, high - 1)
    piece = np.ascontiguousarray(frame[low[1] : high[1], low[0] : high[0]])
    shrink = scale_of(from_face)
    if shrink > 1:  # average first: sampling alone would alias
        piece = cv2.GaussianBlur(piece, (0, 0), 0.45 * shrink)
    from_face[:, 2] -= low
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if shrink > 1 else cv2.INTER_CUBIC)
    face = cv2.warpAffine(
        piece, from_face, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(face, np.uint8)


def hull(points: F32) -> F32:
    """Outline (OUTLINE, 2) of the convex hull of points (k, 2), at equal angles about its middle.

    As many points for every face, so that outlines can be averaged, moved and grown.
    """
    corners = cv2.convexHull(points.astype(np.float32))[:, 0]
    middle = (corners.min(0) + corners.max(0)) / 2
    a, b = corners - middle, np.roll(corners, -1, axis=0) - middle
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
    return np.asarray(middle + radius[:, None] * ray, np.float32)


def grown(outline: F32, by: float) -> F32:
    """An outline (..., k, 2) moved outwards by the share `by` of its radius; negative: inwards."""
    middle = outline.mean(-2, keepdims=True)
    return np.asarray(middle + (1 + by) * (outline - middle), np.float32)


def face_outlines(track: FaceTrack, alignment: Alignment, grow: float = 0.0) -> F32:
    """Outline of the face in every frame, (n, OUTLINE, 2) pixels; NaN in shots without a face.

    The hull of all landmarks, smoothed over time, within what networks see.
    """
    points = smoothed_points(track, range(track.scheme.count))
    outlines = np.full((len(track), OUTLINE, 2), np.nan, np.float32)
    half = SIDE * INNER / 2 * 0.97
    low, high = np.array(CENTRE) - half, np.array(CENTRE) + half
    to_canonical = alignment.to_canonical
    for i in np.flatnonzero(np.isfinite(points).all((1, 2))):
        outline = grown(hull(points[i]), grow)
        kept = np.clip(apply(to_canonical[i], outline), low, high)
        outlines[i] = apply(alignment.to_frame[i], kept.astype(np.float32))
    return outlines


def eye_boxes(points: F32, scheme: LandmarkScheme) -> list[tuple[F32, float]]:
    """(centre, half width) of both eyes, from points (k, 2) of a face; half widths in pixels."""
    corners = points[list(scheme.anchors[:4])]  # outer and inner, left; inner and outer, right
    pairs = (corners[[0, 1]], corners[[2, 3]])
    return [(pair.mean(0), 0.75 * float(np.linalg.norm(pair[0] - pair[1]))) for pair in pairs]


def mouth_box(points: F32, scheme: LandmarkScheme) -> tuple[F32, float]:
    """The same of the mouth."""
    lips = points[list(scheme.lips)]
    return lips.mean(0), 0.65 * float(np.ptp(lips[:, 0]))
