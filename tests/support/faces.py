"""A face whose every landmark is known: what the tests of tracks and pictures are fed with.

Not a stand-in for footage: it exists because an oracle needs the exact answer.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from lipsync.face.schemes import MEDIAPIPE_478
from lipsync.face.similarity import apply_affine
from lipsync.types import F32, FaceTrack

SCHEME = MEDIAPIPE_478
FPS = Fraction(25)


def mouth(opening: float = 0.05, width: float = 0.6) -> F32:
    """18 lip points (canonical) of an elliptic mouth around (0, 0.9)."""
    outer = np.pi + np.arange(12) * 2 * np.pi / 12
    inner = np.pi + np.array([1, 1.5, 2, 4, 4.5, 5]) * 2 * np.pi / 6
    thick = opening / 2 + 0.07
    points = [(np.cos(a) * width / 2, 0.9 + np.sin(a) * thick) for a in outer]
    points += [(np.cos(a) * width / 3, 0.9 + np.sin(a) * opening / 2) for a in inner]
    return np.array(points, np.float32)


def canonical_face(opening: float = 0.05) -> F32:
    """All 478 points in the canonical space; those without a part of their own lie in the face."""
    rng = np.random.default_rng(0)
    face = rng.uniform([-0.6, -0.4], [0.6, 1.4], (SCHEME.count, 2)).astype(np.float32)
    jaw = np.pi - np.linspace(0.0, np.pi, len(SCHEME.jaw))
    face[list(SCHEME.jaw)] = np.stack([0.75 * np.cos(jaw), 0.3 + 1.15 * np.sin(jaw)], 1)
    face[list(SCHEME.nose)] = [(0, 0.5), (-0.15, 0.6), (0.15, 0.6)]
    face[list(SCHEME.outer_eyes)] = [(-0.5, 0), (0.5, 0)]
    face[list(SCHEME.lips)] = mouth(opening)
    return face


def similarity(scale: float, angle: float, x: float, y: float) -> F32:
    """(2, 3) canonical → frame."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]], np.float32)


def track_of(poses: list[F32], openings: list[float] | None = None) -> FaceTrack:
    """The track of the canonical face shown in the given poses."""
    openings = openings or [0.05] * len(poses)
    pairs = zip(poses, openings, strict=True)
    points = np.stack([apply_affine(pose, canonical_face(opening)) for pose, opening in pairs])
    n = len(poses)
    return FaceTrack(
        points, np.ones(n, bool), np.ones(n, np.float32), np.zeros(0, np.int64), FPS, SCHEME
    )


def turned_head(yaw: np.ndarray, pitch: np.ndarray) -> FaceTrack:
    """The canonical face, turned by so many degrees in each frame, with depth."""
    track = track_of([similarity(60, 0, 110, 60)] * len(yaw))
    flat = np.concatenate([track.points, np.zeros((*track.points.shape[:2], 1), np.float32)], -1)
    middle = np.array([110, 60, 0], np.float32)
    points = []
    for face, y, p in zip(flat, np.radians(yaw), np.radians(pitch), strict=True):
        about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
        points.append((face - middle) @ (about_y @ about_x).T + middle)
    return replace(track, points=np.stack(points).astype(np.float32))
