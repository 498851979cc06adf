"""Face identity, from the appearance of brows, eyes and nose, which speech hardly moves.

Landmark proportions do not identify a person: a detector's mean face dominates them. Compared are
thumbnails of the upper face in the canonical space, normalized by local mean and contrast. Two
shots are as similar as their most similar pair of frames, since eyes turn and blink; a shot that
matches any shot of a person shows that person. Measured on 48 clips of four people
(docs/benchmarks/thresholds.md): clips of two people have a similarity of at most 0.76; of two
clips of one person, 99 % of the pairs exceed 0.78, the lowest is 0.70.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.types import F32, U8

SAME_PERSON = 0.77  # correlation from which two faces belong to one person
REGION = (-0.7, -0.42, 0.7, 0.58)  # left, top, right, bottom, canonical
SIZE = (56, 40)  # of a thumbnail
LIGHT_SIGMA, CONTRAST_SIGMA = 5.0, 6.0  # thumbnail pixels: coarser structure is lighting
MIN_CONTRAST = 2.0  # levels, added to the local contrast: flat skin must not be amplified
CROP_MARGIN_PX = 4  # around a thumbnail's region, for the blur before sampling


def make_face_thumbnail(frame: U8, to_frame: F32) -> F32:
    """Thumbnail (h, w) of brows, eyes and nose, normalized for lighting; 0 outside the frame.

    Args:
        to_frame: (2, 3), canonical → pixels of the frame.
    """
    left, top, right, bottom = REGION
    x, y = (right - left) / SIZE[0], (bottom - top) / SIZE[1]
    corners = apply_affine(
        to_frame, np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    )
    low = np.maximum(np.floor(corners.min(0)).astype(int) - CROP_MARGIN_PX, 0)
    high = np.ceil(corners.max(0)).astype(int) + CROP_MARGIN_PX
    piece = frame[low[1] : high[1], low[0] : high[0]]
    if min(piece.shape[:2]) < 2:
        return np.zeros(SIZE[::-1], np.float32)
    gray = cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY).astype(np.float32)
    cell = float(np.sqrt(abs(np.linalg.det(to_frame[:, :2])))) * x
    gray = cv2.GaussianBlur(gray, (0, 0), max(0.5 * cell, 0.4))
    grid = np.array([[x, 0, left + x / 2], [0, y, top + y / 2]], np.float32)
    to_piece = compose_affine(to_frame, grid)
    to_piece[:, 2] -= low
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    face = cv2.warpAffine(gray, to_piece, SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    face = face - cv2.GaussianBlur(face, (0, 0), LIGHT_SIGMA)
    contrast = np.sqrt(cv2.GaussianBlur(face * face, (0, 0), CONTRAST_SIGMA))
    return np.asarray(face / (contrast + MIN_CONTRAST))


def compare_faces(one: list[F32], other: list[F32]) -> float:
    """Correlation of the most similar pair of two sets of thumbnails (h, w); 0 for empty ones."""
    return float((to_unit_vectors(one) @ to_unit_vectors(other).T).max())


def to_unit_vectors(faces: list[F32]) -> F32:
    """Flatten thumbnails to (n, h · w), zero-mean and of length 1; empty ones stay 0."""
    flat = np.stack(faces).reshape(len(faces), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9))


def find_other_identities(faces: dict[int, list[F32]], weights: dict[int, int]) -> list[int]:
    """Find the shots that show another person than the shot with the largest weight.

    Args:
        faces: thumbnails of some frames of every shot.
        weights: number of frames of every shot.
    """
    if not faces:
        return []
    vectors = {shot: to_unit_vectors(some) for shot, some in faces.items()}
    others = set(faces) - {max(faces, key=lambda shot: weights[shot])}
    reached = set(faces) - others
    while reached:
        known = np.concatenate([vectors[shot] for shot in reached])
        reached = {shot for shot in others if (vectors[shot] @ known.T).max() >= SAME_PERSON}
        others -= reached
    return sorted(others)
