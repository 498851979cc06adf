"""Small sets of made-up faces: for tests of the machinery, where what is learned does not
matter."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lipsync.face.schemes import MEDIAPIPE_478
from lipsync.face.similarity import apply_affine
from lipsync.faceswap.face_crop import canonical_to_crop
from lipsync.faceswap.faceset.store import write_face_set
from tests.support.faces import canonical_face

SIZE = 64
SCHEME = MEDIAPIPE_478


def picture(rng: np.random.Generator, skin: tuple[int, int, int], opening: float) -> np.ndarray:
    """A face of this color whose mouth is so far open."""
    face = np.full((SIZE, SIZE, 3), (40, 90, 160), np.uint8)
    cv2.ellipse(face, (32, 33), (15, 21), 0, 0, 360, skin, -1, cv2.LINE_AA)
    for x in (24, 40):
        cv2.circle(face, (x, 24), 2, (30, 30, 30), -1, cv2.LINE_AA)
    cv2.ellipse(face, (32, 44), (6, max(1, round(5 * opening))), 0, 0, 360, (120, 20, 30), -1)
    return np.clip(face + rng.normal(0, 2, face.shape), 0, 255).astype(np.uint8)


def make(
    folder: Path, person: int, count: int = 60, skin: tuple[int, int, int] = (200, 160, 140)
) -> Path:
    """A set of one person: the same thumbnail for the same number, another for another."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(person)
    looks = rng.normal(size=(40, 56)).astype(np.float16)
    points = apply_affine(canonical_to_crop(SIZE), canonical_face())
    with write_face_set(folder) as writer:
        for _ in range(count):
            writer.add(picture(rng, skin, float(rng.uniform(0, 1))))
        writer.finish(
            {"size": SIZE, "scheme": SCHEME.name},
            points=np.repeat(points[None], count, 0),
            upper=np.repeat(looks[None], count, 0),
            shot=np.arange(count) // 10,
        )
    return folder


def pair(folder: Path) -> tuple[Path, Path]:
    """Two people."""
    return make(folder / "a", 1), make(folder / "b", 2, skin=(120, 90, 80))
