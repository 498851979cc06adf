"""Whether a video is upside down: detectors find a face in it all the same, with an eye for mouth.

Such a face is a guess: in the frame's mirror image it lies elsewhere. A few frames are looked at as
they are and turned by 180 degrees, each beside its mirror image.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from lipsync.face.landmarks.detections import Faces
from lipsync.face.landmarks.detector import LandmarkDetector
from lipsync.types import F32, U8

PROBES = 8  # frames that are looked at
SIDE = 1920  # pixels of their longer side at most
AROUND = 1.5  # of a face's longer side: how far around its center is looked at
# Root mean square distance of a face's points from those in the mirror image, in distances of the
# outer eye corners. Of upright faces 0.01 to 0.02, behind a hand 0.12; of faces that are upside
# down 0.08 to 0.5, and most are not found in the mirror image at all.
CERTAIN = 0.06
MUCH_SURER = 3.0  # times nearer to one another than the other way up


class OrientationProbe:
    """Frames of a video, kept to tell whether it is upside down."""

    def __init__(self, count: int) -> None:
        """`count`: frames of the video."""
        self._wanted = set(np.linspace(0, count - 1, PROBES).round().astype(int).tolist())
        self._frames: dict[int, tuple[U8, float]] = {}  # by number; and their scale

    def offer(self, number: int, frame: U8) -> None:
        """Keep a copy of a frame (h, w, 3) if it is one of those to look at."""
        if number in self._wanted:
            height, width = frame.shape[:2]
            share = min(1.0, SIDE / max(height, width))
            size = (max(1, round(width * share)), max(1, round(height * share)))
            kept = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
            self._frames[number] = kept.copy() if kept is frame else kept, share

    def is_upside_down(self, detector: LandmarkDetector, faces: Faces) -> bool:
        """Whether most frames with a face show it upside down.

        Args:
            detector: one that does not average mirror images itself.
            faces: those found in the video. Where there are none, the whole frame is looked at.
        """
        seen = [
            _surroundings(frame, faces.points[faces.frame == number, :, :2] * np.float32(scale))
            for number, (frame, scale) in self._frames.items()
        ]
        votes = [vote for picture in seen for vote in _vote(detector, picture)]
        down = sum(votes)
        return down > 2 * (len(votes) - down) and (down > 1 or len(self._frames) == 1)


def _surroundings(frame: U8, points: F32) -> U8:
    """The part of a frame around the largest of its faces (f, k, 2); all of it if there is none."""
    if not len(points):
        return frame
    low, high = points.min(1), points.max(1)
    largest = int((high - low).max(1).argmax())
    reach = AROUND * float((high - low)[largest].max())
    x, y = ((low + high) / 2)[largest].tolist()
    rows = slice(max(0, round(y - reach)), max(1, round(y + reach)))
    columns = slice(max(0, round(x - reach)), max(1, round(x + reach)))
    part = frame[rows, columns]
    return np.ascontiguousarray(part) if part.size else frame


def _vote(detector: LandmarkDetector, frame: U8) -> Iterator[bool]:
    """True for a frame that is upside down, False for an upright one; nothing if neither shows."""
    upright = _disagreement(detector, frame)
    if upright <= CERTAIN:
        yield False
        return
    turned = _disagreement(detector, np.ascontiguousarray(frame[::-1, ::-1]))
    if turned <= CERTAIN and turned * MUCH_SURER < upright:
        yield True
    elif np.isfinite(upright):
        yield False


def _disagreement(detector: LandmarkDetector, frame: U8) -> float:
    """How far the largest face is from itself in the mirror image; infinite: one has none."""
    found, mirrored = (
        _largest(detector, picture) for picture in (frame, np.ascontiguousarray(frame[:, ::-1]))
    )
    if found is None or mirrored is None:
        return float("inf")
    scheme = detector.scheme
    if not scheme.mirror:
        return 0.0
    back = mirrored[list(scheme.mirror)]
    back[:, 0] = frame.shape[1] - back[:, 0]
    first, second = found[list(scheme.outer_eyes)]
    apart = np.sqrt(((found - back) ** 2).sum(1).mean())
    return float(apart / max(float(np.linalg.norm(first - second)), 1.0))


def _largest(detector: LandmarkDetector, frame: U8) -> F32 | None:
    """Points (k, 2) of the largest face; None: there is none."""
    faces = [face.points[:, :2] for face in detector.detect(frame)]
    return max(faces, key=lambda points: float(np.ptp(points, axis=0).max()), default=None)
