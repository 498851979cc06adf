"""Which faces are too small to be found, in the whole frame and in parts of it. Writes faces.md.

    python -m bench.detection.faces [--shared ../shared]

One frame of each of five people, reduced to a face of a given width, is put in four places of a
grey frame of 1280 × 720. Found: in how many of the 20 frames exactly one face is seen, near where
it is. Cost: of finding it (a search part by part) and of following it (a look around it), median.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from lipsync import media
from lipsync.face.landmarks import Face, LandmarkDetector, LandmarkOptions, open_detector
from lipsync.face.landmarks.small_faces import SmallFaces
from lipsync.types import U8

REPO = Path(__file__).resolve().parents[2]
PEOPLE = ("grid_s1", "grid_s4", "grid_s26", "grid_s31", "targets/englishvideo")
WIDTHS = (160, 140, 120, 110, 100, 90, 80, 70, 60, 50, 40)
SIZE = (1280, 720)
PLACES = ((0.15, 0.3), (0.5, 0.5), (0.85, 0.35), (0.35, 0.7))  # of the face's centre, of the frame


def person(data: Path, name: str, detector: LandmarkDetector) -> tuple[U8, Face]:
    """A frame of somebody, and their face in it."""
    video = data / f"{name}.mp4"
    file = video if video.is_file() else sorted((data / name).glob("*.m*"))[0]
    frame = next(iter(media.read_frames(media.probe(file), 10, 11)))
    return frame, detector.detect(frame)[0]


def placed(frame: U8, face: Face, width: int, place: tuple[float, float]) -> U8:
    """The frame of a person, reduced, in a grey one, the face centred at `place`."""
    scale = width / float(np.ptp(face.points[:, 0]))
    blur = cv2.GaussianBlur(frame, (0, 0), max(0.45 / scale, 0.01)) if scale < 1 else frame
    centre = scale * (face.points[:, :2].min(0) + face.points[:, :2].max(0)) / 2
    shift = np.array(place) * SIZE - centre
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    grey = (110, 110, 110)
    return np.asarray(cv2.warpAffine(blur, matrix, SIZE, borderValue=grey), np.uint8)


def right(faces: list[Face], width: int, place: tuple[float, float]) -> bool:
    """Exactly one face, where it is."""
    at = np.array(place) * SIZE
    boxes = [(f.points[:, :2].min(0) + f.points[:, :2].max(0)) / 2 for f in faces]
    return len(faces) == 1 and bool(np.linalg.norm(boxes[0] - at) < 0.25 * width)


def rows(data: Path) -> Iterator[str]:
    yield (
        "| face | of the frame | whole frame | in parts | search | follow |\n" + "|" + " --- |" * 6
    )
    with open_detector(LandmarkOptions()) as detector:
        people = [person(data, name, detector) for name in PEOPLE]
        for width in WIDTHS:
            whole, parts, search, follow = 0, 0, [], []
            for frame, face in people:
                for place in PLACES:
                    shown = placed(frame, face, width, place)
                    seen = detector.detect(shown)
                    whole += right(seen, width, place)
                    small = SmallFaces(detector, Fraction(25), True)
                    began = time.perf_counter()
                    parts += right(small.complete(shown, seen), width, place)
                    then = time.perf_counter()
                    small.complete(shown, [])
                    search.append(then - began)
                    follow.append(time.perf_counter() - then)
            yield (
                f"| {width} px | {100 * width / SIZE[0]:.1f} % | {whole} of 20 | {parts} of 20 | "
                f"{1000 * np.median(search):.0f} ms | {1000 * np.median(follow):.0f} ms |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    data = parser.parse_args().shared / "data"
    text = "\n".join(
        [
            f"# Small faces\n\nWritten by `python -m bench.detection.faces`, "
            f"{datetime.date.today()}, "
            f"{platform.machine()}. Five people, four places each, in a frame of "
            f"{SIZE[0]} × {SIZE[1]}. Found in the whole frame, and with a search of its parts; "
            "what such a search costs (at most once a second), and following a face found so (in "
            "every frame that does not show it by itself).\n",
            *rows(data),
        ]
    )
    (REPO / "docs" / "benchmarks" / "faces.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
