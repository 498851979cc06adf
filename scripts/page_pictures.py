"""What the scripts that make the pictures of the documents share: frames, tiles, files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.face.landmarks import LandmarkOptions, open_detector

Picture = NDArray[np.uint8]
Box = tuple[float, float, float]  # center x, center y, side; pixels

REPO = Path(__file__).resolve().parents[1]
SAMPLE = REPO / "assets" / "sample"
IMAGES = REPO / "docs" / "images"
LARGEST = 300_000  # bytes, of a picture
GAP, LABELS = 4, 92  # pixels
INK = (30, 30, 30)


def read_frames(path: Path) -> list[Picture]:
    """All frames of a video, (h, w, 3) BGR."""
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(np.asarray(read[1], np.uint8))
    return frames


def find_points(frame: Picture) -> NDArray[np.float64] | None:
    """The landmarks (k, 2) of the largest face in a BGR frame; None: no face was found."""
    with open_detector(LandmarkOptions()) as detector:
        faces = detector.detect(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    if not faces:
        return None
    largest = max(faces, key=lambda face: float(np.ptp(face.points[:, 0])))
    return np.asarray(largest.points[:, :2], np.float64)


def face_box(points: NDArray[np.float64]) -> Box:
    """A square around a face."""
    low, high = points.min(0), points.max(0)
    x, y = (low + high) / 2
    return float(x), float(y), float(max(high - low)) * 1.25


def mouth_box(points: NDArray[np.float64]) -> Box:
    """A square around the mouth of a face in MediaPipe's annotation: corners 61 and 291."""
    left, right = points[61], points[291]
    x, y = (left + right) / 2
    return float(x), float(y), float(np.linalg.norm(right - left)) * 2.0


def tile(frame: Picture, box: Box, size: int) -> Picture:
    """The part of a frame inside a box, as a square of `size` pixels."""
    x, y, side = box
    scale = size / side
    place = np.array([[scale, 0, size / 2 - scale * x], [0, scale, size / 2 - scale * y]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    out = cv2.warpAffine(frame, place, (size, size), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.uint8)


def label(text: str, height: int, width: int = LABELS) -> Picture:
    """A white field with some lines of text."""
    field = np.full((height, width, 3), 255, np.uint8)
    lines = text.split("\n")
    for i, line in enumerate(lines):
        at = (3, height // 2 + round((i - (len(lines) - 1) / 2) * 17) + 4)
        cv2.putText(field, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return field


def row(tiles: Sequence[Picture], text: str = "") -> Picture:
    """Pictures of one height side by side, with a label to their left."""
    height = tiles[0].shape[0]
    gap = np.full((height, GAP, 3), 255, np.uint8)
    parts = [label(text, height)] if text else []
    for one in tiles:
        parts += [one, gap]
    return np.hstack(parts[:-1])


def stack(rows: Sequence[Picture]) -> Picture:
    """Rows below each other; narrower ones are filled with white."""
    width = max(one.shape[1] for one in rows)
    parts = []
    for one in rows:
        wide = np.full((one.shape[0], width, 3), 255, np.uint8)
        wide[:, : one.shape[1]] = one
        parts += [wide, np.full((GAP, width, 3), 255, np.uint8)]
    return np.vstack(parts[:-1])


def write(path: Path, picture: Picture) -> None:
    """Write a JPEG or PNG and say so; refuse one that is too large for the documents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    how = jpeg if path.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    cv2.imwrite(str(path), picture, how)
    size = path.stat().st_size
    print(f"{path.relative_to(REPO)}: {picture.shape[1]} × {picture.shape[0]}, {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"{path}: larger than {LARGEST} bytes; use smaller tiles")


def telling_frames(target: Sequence[Picture], result: Sequence[Picture], count: int) -> list[int]:
    """`count` frames, spread over the result, in which target and result differ most."""
    pairs = zip(target, result, strict=False)
    differences = np.array([float(np.mean(cv2.absdiff(a, b))) for a, b in pairs])
    parts = np.array_split(np.arange(len(differences)), count)
    return [int(part[differences[part].argmax()]) for part in parts]


def compare(target: Sequence[Picture], result: Sequence[Picture], chosen: Sequence[int]) -> Picture:
    """Faces and mouths of some frames, of the target and of the result below each other."""
    rows: list[list[Picture]] = [[], [], [], []]
    for i in chosen:
        points = find_points(target[i])
        if points is None:
            raise SystemExit(f"no face in frame {i}; choose other frames")
        rows[0].append(tile(target[i], face_box(points), 150))
        rows[1].append(tile(result[i], face_box(points), 150))
        rows[2].append(tile(target[i], mouth_box(points), 150))
        rows[3].append(tile(result[i], mouth_box(points), 150))
    names = ("target", "result", "target,\nmouth", "result,\nmouth")
    return stack([row(tiles, name) for tiles, name in zip(rows, names, strict=True)])
