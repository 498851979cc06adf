"""Smallest face that is detected, in the whole frame and in parts. Writes faces.md.

    python -m bench.detection.small_faces [--shared ../shared]

One frame of each of five people, scaled to a given face width, is put at four positions of a gray
frame of 1280 × 720. Found: in how many of the 20 frames exactly one face is detected, near its true
position. Cost: median time of the search part by part, and of following a face found so.
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
from lipsync.face.landmarks.small_faces import SmallFaceSearch
from lipsync.types import U8

REPO = Path(__file__).resolve().parents[2]
PEOPLE = ("grid_s1", "grid_s4", "grid_s26", "grid_s31", "targets/englishvideo")
WIDTHS = (160, 140, 120, 110, 100, 90, 80, 70, 60, 50, 40)
SIZE = (1280, 720)
PLACES = (
    (0.15, 0.3),
    (0.5, 0.5),
    (0.85, 0.35),
    (0.35, 0.7),
)  # of the face's center, relative to the frame


def load_person(data: Path, name: str, detector: LandmarkDetector) -> tuple[U8, Face]:
    """A frame of a person, and the face detected in it."""
    video = data / f"{name}.mp4"
    file = video if video.is_file() else sorted((data / name).glob("*.m*"))[0]
    frame = next(iter(media.read_frames(media.probe(file), 10, 11)))
    return frame, detector.detect(frame)[0]


def place_face(frame: U8, face: Face, width: int, place: tuple[float, float]) -> U8:
    """Scale the frame of a person into a gray one, the face centered at `place`."""
    scale = width / float(np.ptp(face.points[:, 0]))
    blur = cv2.GaussianBlur(frame, (0, 0), max(0.45 / scale, 0.01)) if scale < 1 else frame
    center = scale * (face.points[:, :2].min(0) + face.points[:, :2].max(0)) / 2
    shift = np.array(place) * SIZE - center
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    gray = (110, 110, 110)
    return np.asarray(cv2.warpAffine(blur, matrix, SIZE, borderValue=gray), np.uint8)


def is_correct(faces: list[Face], width: int, place: tuple[float, float]) -> bool:
    """Whether exactly one face was found, at the true position."""
    at = np.array(place) * SIZE
    boxes = [(f.points[:, :2].min(0) + f.points[:, :2].max(0)) / 2 for f in faces]
    return len(faces) == 1 and bool(np.linalg.norm(boxes[0] - at) < 0.25 * width)


def rows(data: Path) -> Iterator[str]:
    yield (
        "| face | of the frame | whole frame | in parts | search | follow |\n" + "|" + " --- |" * 6
    )
    with open_detector(LandmarkOptions()) as detector:
        people = [load_person(data, name, detector) for name in PEOPLE]
        for width in WIDTHS:
            whole, parts, search, follow = 0, 0, [], []
            for frame, face in people:
                for place in PLACES:
                    shown = place_face(frame, face, width, place)
                    seen = detector.detect(shown)
                    whole += is_correct(seen, width, place)
                    small = SmallFaceSearch(detector, Fraction(25), True)
                    began = time.perf_counter()
                    parts += is_correct(small.complete(shown, seen), width, place)
                    then = time.perf_counter()
                    small.complete(shown, [])
                    search.append(then - began)
                    follow.append(time.perf_counter() - then)
            yield (
                f"| {width} px | {100 * width / SIZE[0]:.1f} % | {whole} of 20 | {parts} of 20 | "
                f"{1000 * np.median(search):.0f} ms | {1000 * np.median(follow):.0f} ms |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.detection.small_faces", description=__doc__
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    data = parser.parse_args().shared / "data"
    text = "\n".join(
        [
            f"# Small faces\n\nWritten by `python -m bench.detection.small_faces`, "
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
