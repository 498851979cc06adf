"""Small-face search: a detector that misses small faces in the frame finds them in a part of it.

A detector that reduces the frame misses faces narrower than about a tenth of it (measured on five
people: docs/benchmarks/faces.md). Tiles of the frame are searched at intervals; a small face found
there is then followed by running the detector on its surroundings, in every frame in which it is
not detected in the whole frame. Footage with a face of ordinary size costs no extra time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.types import F32, U8

TILE = 0.4  # side of a tile / longer side of the frame: faces from 1/25 of that side are found
MIN_TILE_PX = 128  # the detector's own resolution: a smaller tile shows no more detail
OVERLAP = 0.15  # of tiles / longer side of the frame: larger than the faces missed in the frame
SMALL = 0.16  # a face at most this wide / longer side of the frame is followed
AROUND = 3.0  # side of the searched surroundings of a face, in widths of the face
SEARCH_S = 0.5  # between searches while no face is visible
SURVEY_S = 1.0  # between searches for further faces
GIVE_UP_S = 0.4  # a face lost for this long is no longer followed
SAME_FACE = 0.5  # detections nearer to each other than this, in diagonals, are one face


@dataclass
class _Known:
    face: Face
    last: int  # frame in which it was detected


class SmallFaceSearch:
    """Adds small faces, frame by frame, to those detected in the whole frame.

    Args:
        detector: is run on parts of the frames.
        fps: of the frames.
        all_faces: search for further faces even while one is visible.
    """

    def __init__(self, detector: LandmarkDetector, fps: Fraction, all_faces: bool) -> None:
        self._detector, self._fps, self._all = detector, float(fps), all_faces
        self._known: list[_Known] = []
        self._frame, self._searched = -1, -(10**9)

    def complete(self, frame: U8, faces: list[Face]) -> list[Face]:
        """The faces of the next frame (h, w, 3): those given, plus small ones."""
        self._frame += 1
        faces = list(faces)
        lost = False
        for known in self._known:
            if any(same_place(known.face, face) for face in faces):
                continue
            again = self._around(frame, known.face)
            lost |= again is None and known.last == self._frame - 1
            if again is not None and not any(same_place(again, face) for face in faces):
                faces.append(again)
        if self._due(lost, faces):
            self._searched = self._frame
            for face in self._in_tiles(frame):
                if any(same_place(face, other) for other in faces):
                    continue
                # Texture can look like a face in one crop: detection in a second crop must agree.
                again = self._around(frame, face)
                if again is not None:
                    faces.append(again)
        self._remember(frame, faces)
        return faces

    def _due(self, lost: bool, faces: list[Face]) -> bool:
        """Whether this frame is searched tile by tile."""
        if faces and not self._all:
            return False
        pause = SURVEY_S if faces else SEARCH_S
        return lost or self._frame - self._searched >= pause * self._fps

    def _remember(self, frame: U8, faces: list[Face]) -> None:
        limit = SMALL * max(frame.shape[:2])
        seen = [_Known(face, self._frame) for face in faces if _width(face) <= limit]
        patience = GIVE_UP_S * self._fps
        self._known = seen + [
            known
            for known in self._known
            if 0 < self._frame - known.last <= patience
            and not any(same_place(known.face, other.face) for other in seen)
        ]

    def _around(self, frame: U8, face: Face) -> Face | None:
        """The face that is now where this one was; None: there is none."""
        center = (face.points[:, :2].min(0) + face.points[:, :2].max(0)) / 2
        side = AROUND * _width(face)
        found = self._in_part(frame, center - side / 2, side)
        near = [one for one in found if same_place(one, face)]
        return min(near, key=lambda one: _distance(one, face)) if near else None

    def _in_tiles(self, frame: U8) -> Iterator[Face]:
        """Faces of all tiles; the same one may come from several."""
        side = max(round(TILE * max(frame.shape[:2])), MIN_TILE_PX)
        if side >= max(frame.shape[:2]):
            return
        for top in _starts(frame.shape[0], side, max(frame.shape[:2])):
            for left in _starts(frame.shape[1], side, max(frame.shape[:2])):
                yield from self._in_part(frame, np.array([left, top], np.float32), side)

    def _in_part(self, frame: U8, corner: F32, side: float) -> list[Face]:
        """Faces in a square part of the frame, in frame pixels; their centers lie inside it."""
        height, width = frame.shape[:2]
        left, top = np.clip(np.floor(corner), 0, [width - 1, height - 1]).astype(int).tolist()
        right, bottom = min(round(left + side), width), min(round(top + side), height)
        if min(right - left, bottom - top) < 16:
            return []
        found = self._detector.detect(frame[top:bottom, left:right])
        shifted = [Face(_shift(face.points, left, top), face.confidence) for face in found]
        return [face for face in shifted if _inside(face, left, top, right, bottom)]


def same_place(one: Face, other: Face) -> bool:
    """Whether two detections are near enough and similar enough in size to be one face."""
    sizes = sorted((_diagonal(one), _diagonal(other)))
    return sizes[1] < 2 * sizes[0] and _distance(one, other) < SAME_FACE * sizes[0]


def _starts(length: int, side: int, longer: int) -> list[int]:
    """Where tiles begin along a side of the frame, evenly spread and overlapping."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side - OVERLAP * longer))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _shift(points: F32, left: int, top: int) -> F32:
    shifted = points.copy()
    shifted[:, :2] += np.array([left, top], np.float32)
    return shifted


def _inside(face: Face, left: int, top: int, right: int, bottom: int) -> bool:
    x, y = face.points[:, :2].mean(0)
    return bool(left <= x < right and top <= y < bottom)


def _width(face: Face) -> float:
    return float(np.ptp(face.points[:, 0]))


def _diagonal(face: Face) -> float:
    return float(np.linalg.norm(np.ptp(face.points[:, :2], axis=0)))


def _distance(one: Face, other: Face) -> float:
    return float(np.linalg.norm(one.points[:, :2].mean(0) - other.points[:, :2].mean(0)))
