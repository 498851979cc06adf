"""The faces of a video in one picture, for whoever has to say which of them speaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.face.landmarks import LandmarkOptions, detect_faces
from lipsync.media.png import write_png
from lipsync.types import F32, U8, VideoInfo

FRAMES = 9  # that are looked at, evenly over the video
MOST_WIDTH = 960  # pixels of the picture


@dataclass(frozen=True)
class ShownFace:
    """A face in the picture; (x, y, width, height) are shares of its size."""

    box: tuple[float, float, float, float]
    selector: str  # the value of --face that selects it


@dataclass(frozen=True)
class ShownFaces:
    """The faces of a frame, from left to right."""

    at: float  # seconds of the frame
    faces: tuple[ShownFace, ...]


def show_faces(video: Path, picture: Path, options: LandmarkOptions | None = None) -> ShownFaces:
    """Find the frame that shows most faces, and write it as a PNG.

    Raises:
        NoFaceError: none of the frames that were looked at shows one.
        LipsyncError: the video cannot be read, the picture not be written.
    """
    info = media.probe(video)
    numbers = _spread(info)
    frames = [next(media.read_frames(info, number, number + 1)) for number in numbers]
    found = detect_faces(frames, info.fps, options or LandmarkOptions())
    if not len(found):
        raise NoFaceError(
            f"{video}: no face was found in {len(frames)} frames spread over it; a face has to be "
            "seen from the front, and not too small"
        )
    counts = np.bincount(found.frame, minlength=len(frames))
    sizes = np.zeros(len(frames))
    np.add.at(sizes, found.frame, found.size)
    best = int(np.lexsort((-sizes, -counts))[0])
    at = (numbers[best] + 0.5) / float(info.fps)
    frame = frames[best]
    points = [face[:, :2] for face in found.points[found.frame == best]]
    points.sort(key=lambda face: float(face[:, 0].mean()))
    write_png(picture, _reduce(frame))
    height, width = frame.shape[:2]
    return ShownFaces(at, tuple(_describe(face, width, height, at, info.still) for face in points))


def _spread(info: VideoInfo) -> list[int]:
    count = min(FRAMES, info.frame_count)
    return [int((i + 0.5) * info.frame_count / count) for i in range(count)]


def _describe(points: F32, width: int, height: int, at: float, still: bool) -> ShownFace:
    low, high = points.min(0), points.max(0)
    x, y = points.mean(0)
    box = (
        float(low[0] / width), float(low[1] / height),
        float((high[0] - low[0]) / width), float((high[1] - low[1]) / height),
    )  # fmt: skip
    place = f"{x:.0f},{y:.0f}"
    return ShownFace(box, place if still else f"{place}@{at:.3f}")


def _reduce(frame: U8) -> U8:
    import cv2

    height, width = frame.shape[:2]
    if width <= MOST_WIDTH:
        return frame
    size = (MOST_WIDTH, round(height * MOST_WIDTH / width))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
