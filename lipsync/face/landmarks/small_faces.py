"""Small faces: what a short-sighted detector misses in the whole frame it sees in a part of it.

A detector that looks at a reduced frame loses faces narrower than about a tenth of it (measured on
five people: docs/benchmarks/faces.md). Parts of the frame are searched now and then; a small face
that was found is then followed by a look at its surroundings, in every frame in which the whole
frame does not show it. Footage with a face of ordinary size never pays for this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.types import F32, U8

PART = 0.4  # side of a searched part, of the frame's longer one: faces from 1/25 of it are found
LEAST_PX = 128  # of a part: as many as the detector looks at, more cannot be seen in fewer
OVERLAP = 0.15  # of the frame's longer side, of two parts: more than a face that the frame misses
SMALL = 0.16  # a face at most this wide, of the frame's longer side, is followed
AROUND = 3.0  # side of the surroundings looked at, widths of the face
SEARCH_S = 0.5  # between two searches while nobody is seen
SURVEY_S = 1.0  # between two searches for further faces
GIVE_UP_S = 0.4  # a face not seen for so long is not followed any more
ONE = 0.5  # faces nearer than this, in diagonals, are one


@dataclass
class _Known:
    face: Face
    last: int  # frame in which it was seen


class SmallFaces:
    """Completes, frame by frame, what was seen in the whole frame.

    Args:
        detector: looks at parts of the frames.
        fps: of the frames.
        all_of_them: search for further faces although one is seen.
    """

    def __init__(self, detector: LandmarkDetector, fps: Fraction, all_of_them: bool) -> None:
        self._detector, self._fps, self._all = detector, float(fps), all_of_them
        self._known: list[_Known] = []
        self._frame, self._searched = -1, -(10**9)

    def complete(self, frame: U8, faces: list[Face]) -> list[Face]:
        """The faces of the next frame (h, w, 3): those given, and small ones besides."""
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
            for face in self._in_parts(frame):
                if any(same_place(face, other) for other in faces):
                    continue
                # A texture may look like a face from one side: a second look has to agree.
                again = self._around(frame, face)
                if again is not None:
                    faces.append(again)
        self._remember(frame, faces)
        return faces

    def _due(self, lost: bool, faces: list[Face]) -> bool:
        """Whether this frame is searched part by part."""
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
        """The face that is now where this one was, if there is one."""
        centre = (face.points[:, :2].min(0) + face.points[:, :2].max(0)) / 2
        side = AROUND * _width(face)
        found = self._in_part(frame, centre - side / 2, side)
        near = [one for one in found if same_place(one, face)]
        return min(near, key=lambda one: _apart(one, face)) if near else None

    def _in_parts(self, frame: U8) -> Iterator[Face]:
        """Faces of all parts; the same one may come from several."""
        side = max(round(PART * max(frame.shape[:2])), LEAST_PX)
        if side >= max(frame.shape[:2]):
            return
        for top in _starts(frame.shape[0], side, max(frame.shape[:2])):
            for left in _starts(frame.shape[1], side, max(frame.shape[:2])):
                yield from self._in_part(frame, np.array([left, top], np.float32), side)

    def _in_part(self, frame: U8, corner: F32, side: float) -> list[Face]:
        """Faces of a square part of the frame, in the frame's pixels; none that its edge cuts."""
        height, width = frame.shape[:2]
        left, top = np.clip(np.floor(corner), 0, [width - 1, height - 1]).astype(int).tolist()
        right, bottom = min(round(left + side), width), min(round(top + side), height)
        if min(right - left, bottom - top) < 16:
            return []
        found = self._detector.detect(frame[top:bottom, left:right])
        moved = [Face(_moved(face.points, left, top), face.confidence) for face in found]
        return [face for face in moved if _inside(face, left, top, right, bottom)]


def same_place(one: Face, other: Face) -> bool:
    """Whether two faces are where, and about as large as, one face may be."""
    sizes = sorted((_diagonal(one), _diagonal(other)))
    return sizes[1] < 2 * sizes[0] and _apart(one, other) < ONE * sizes[0]


def _starts(length: int, side: int, longer: int) -> list[int]:
    """Where parts begin along a side of the frame, evenly spread and overlapping."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side - OVERLAP * longer))) + 1
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _moved(points: F32, left: int, top: int) -> F32:
    moved = points.copy()
    moved[:, :2] += np.array([left, top], np.float32)
    return moved


def _inside(face: Face, left: int, top: int, right: int, bottom: int) -> bool:
    x, y = face.points[:, :2].mean(0)
    return bool(left <= x < right and top <= y < bottom)


def _width(face: Face) -> float:
    return float(np.ptp(face.points[:, 0]))


def _diagonal(face: Face) -> float:
    return float(np.linalg.norm(np.ptp(face.points[:, :2], axis=0)))


def _apart(one: Face, other: Face) -> float:
    return float(np.linalg.norm(one.points[:, :2].mean(0) - other.points[:, :2].mean(0)))
