"""All faces of a video, as detected frame by frame, before they are grouped by person."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lipsync.face.identity import SIZE, make_face_thumbnail
from lipsync.face.landmarks.detector import Face
from lipsync.face.landmarks.shot_detection import head_jumps
from lipsync.face.schemes import SCHEMES
from lipsync.face.similarity import similarity_matrix, to_complex
from lipsync.types import F32, I64, U8, FaceTrack, LandmarkScheme

I8 = NDArray[np.int8]

THUMBNAIL_S = 0.12  # between frames of which thumbnails are kept: three frames at 25 per second
STEPS = 30.0  # of a thumbnail, per unit of its contrast: it is stored in whole numbers


@dataclass(frozen=True, eq=False)
class Faces:
    """Every face of every frame. m faces in all, t of them with a thumbnail."""

    frame: I64  # (m,) in which each was detected, ascending
    points: F32  # (m, k, 2 or 3), frame pixels
    confidence: F32  # (m,), 0..1
    thumbnails: I8  # (t, h, w), of the upper face, see `identity.make_face_thumbnail`
    thumbnail_faces: I64  # (t,) which of the m faces each thumbnail shows, ascending
    cuts: I64  # first frame of every shot but the first, by the picture alone
    count: int  # frames of the video
    fps: Fraction
    scheme: LandmarkScheme

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def size(self) -> F32:
        """Diagonal of each face's box, pixels, (m,)."""
        return np.asarray(np.linalg.norm(np.ptp(self.points[..., :2], axis=1), axis=1), np.float32)

    @cached_property
    def center(self) -> F32:
        """Mean of each face's points, pixels, (m, 2)."""
        return np.asarray(self.points[..., :2].mean(1), np.float32)

    def decoded_thumbnails(self, rows: I64) -> list[F32]:
        """These of the t thumbnails, each (h, w)."""
        return [self.thumbnails[row].astype(np.float32) / STEPS for row in rows]

    def track(self, rows: I64) -> FaceTrack:
        """These faces, at most one per frame, as the track of one person."""
        shape = (self.count, *self.points.shape[1:])
        points = np.full(shape, np.nan, np.float32)
        confidence = np.zeros(self.count, np.float32)
        found = np.zeros(self.count, bool)
        at = self.frame[rows]
        points[at], confidence[at], found[at] = self.points[rows], self.confidence[rows], True
        cuts = np.union1d(self.cuts, head_jumps(points, found, self.scheme, self.fps)).astype(
            np.int64
        )
        return FaceTrack(points, found, confidence, cuts, self.fps, self.scheme)

    def save(self, path: Path) -> None:
        """Write all but the number of frames and their rate, which come from the video."""
        np.savez(
            path,
            frame=self.frame,
            points=self.points,
            confidence=self.confidence,
            thumbnails=self.thumbnails,
            thumbnail_faces=self.thumbnail_faces,
            cuts=self.cuts,
            scheme=self.scheme.name,
        )

    @staticmethod
    def load(path: Path, count: int, fps: Fraction) -> Faces:
        """Read what `save` wrote."""
        with np.load(path) as data:
            arrays = dict(data)
        scheme = SCHEMES[str(arrays.pop("scheme"))]
        return Faces(**arrays, count=count, fps=fps, scheme=scheme)


class FaceCollector:
    """Collects the faces of frames that come one by one."""

    def __init__(self, fps: Fraction, scheme: LandmarkScheme) -> None:
        self._fps, self._scheme = fps, scheme
        self._stride = max(1, round(THUMBNAIL_S * float(fps)))
        self._counts: list[int] = []
        self._faces: list[Face] = []
        self._thumbnails: list[I8] = []
        self._thumbnail_faces: list[int] = []

    def add(self, frame: U8, faces: list[Face]) -> None:
        """The next frame (h, w, 3) and its faces, which are sorted from left to right."""
        ordered = sorted(faces, key=lambda face: float(face.points[:, 0].mean()))
        if len(self._counts) % self._stride == 0:
            first = len(self._faces)
            self._thumbnails += [
                face_thumbnail(frame, face.points, self._scheme) for face in ordered
            ]
            self._thumbnail_faces += range(first, first + len(ordered))
        self._counts.append(len(ordered))
        self._faces += ordered

    def faces(self, cuts: I64) -> Faces:
        """All faces so far; `cuts` are the first frames of every shot but the first."""
        dimensions = self._faces[0].points.shape[1] if self._faces else 2
        none = np.zeros((0, self._scheme.count, dimensions), np.float32)
        return Faces(
            np.repeat(np.arange(len(self._counts)), self._counts).astype(np.int64),
            np.stack([face.points for face in self._faces]) if self._faces else none,
            np.array([face.confidence for face in self._faces], np.float32),
            np.stack(self._thumbnails) if self._thumbnails else np.zeros((0, *SIZE[::-1]), np.int8),
            np.array(self._thumbnail_faces, np.int64),
            cuts,
            len(self._counts),
            Fraction(self._fps),
            self._scheme,
        )


def face_thumbnail(frame: U8, points: F32, scheme: LandmarkScheme) -> I8:
    """The thumbnail (h, w) of a face (k, 2 or 3), aligned by its outer eye corners alone."""
    left, right = to_complex(points[list(scheme.outer_eyes), :2])
    to_frame = similarity_matrix(np.asarray(right - left), np.asarray((left + right) / 2))
    steps = np.rint(STEPS * make_face_thumbnail(frame, to_frame))
    return np.asarray(np.clip(steps, -127, 127), np.int8)
