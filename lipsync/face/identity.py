"""Is it the same person? By the look of brows, eyes and nose, which speech hardly moves.

The proportions of landmarks do not tell: a detector draws its own mean face into everybody. What
is compared here is the picture: thumbnails of the upper face in the canonical space, freed of
light (local mean and contrast). Of two shots the pair of frames counts that is most alike, since
eyes turn and blink; and who is like one shot of a person is that person. Measured on 48 clips of
four people (docs/benchmarks/thresholds.md): two people are at most 0.76 alike; of a person's own
clips, 99 % of the pairs are more than 0.78, the worst 0.70.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.types import F32, U8

SAME_PERSON = 0.77  # correlation from which two faces are one person's
REGION = (-0.7, -0.42, 0.7, 0.58)  # left, top, right, bottom, canonical
SIZE = (56, 40)  # of a thumbnail
LIGHT_SIGMA, CONTRAST_SIGMA = 5.0, 6.0  # σ, thumbnail pixels: what is coarser is light


def make_face_thumbnail(frame: U8, to_frame: F32) -> F32:
    """A thumbnail (h, w) of brows, eyes and nose, freed of light."""
    left, top, right, bottom = REGION
    x, y = (right - left) / SIZE[0], (bottom - top) / SIZE[1]
    corners = apply_affine(
        to_frame, np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    )
    low = np.maximum(np.floor(corners.min(0)).astype(int) - 4, 0)
    high = np.ceil(corners.max(0)).astype(int) + 4
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
    return np.asarray(face / (np.sqrt(cv2.GaussianBlur(face * face, (0, 0), CONTRAST_SIGMA)) + 2))


def compare_faces(one: list[F32], other: list[F32]) -> float:
    """Correlation of the most alike pair of two sets of thumbnails (h, w); 0: they show nothing."""
    return float((to_unit_vectors(one) @ to_unit_vectors(other).T).max())


def to_unit_vectors(faces: list[F32]) -> F32:
    """(n, h · w): thumbnails without their mean, of length 1; what shows nothing is 0."""
    flat = np.stack(faces).reshape(len(faces), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9))


def find_other_identities(faces: dict[int, list[F32]], weights: dict[int, int]) -> list[int]:
    """Which shots show somebody else than the shot with the largest weight.

    Args:
        faces: of every shot, thumbnails of some of its frames.
        weights: of every shot, how many frames it has.
    """
    if not faces:
        return []
    seen = {shot: to_unit_vectors(some) for shot, some in faces.items()}
    others = set(faces) - {max(faces, key=lambda shot: weights[shot])}
    reached = set(faces) - others
    while reached:
        known = np.concatenate([seen[shot] for shot in reached])
        reached = {shot for shot in others if (seen[shot] @ known.T).max() >= SAME_PERSON}
        others -= reached
    return sorted(others)
