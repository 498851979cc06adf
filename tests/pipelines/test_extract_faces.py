"""Face sets from footage: every frame is searched for faces once, and other faces count."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

import lipsync
from lipsync.errors import FacesError, MediaError
from lipsync.face.landmarks import Face
from lipsync.face.landmarks.mediapipe import MediaPipeDetector
from lipsync.face.landmarks.orientation import PROBES
from lipsync.face.similarity import apply_affine
from lipsync.faceswap.faceset import FaceSet
from lipsync.types import U8
from tests.support.faces import canonical_face, similarity

COUNT, SIZE = 80, (320, 240)
CROWDED = range(10, 20)  # frames that show a second face
OPTIONS = lipsync.ExtractOptions.of(
    per_second=25, least_change=0, least_size=10, most_odd=1000, least_sharpness=0,
    landmark_threads=1, landmark_flip=False, cache=False,
)  # fmt: skip


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Smooth noise that changes slowly; it has no sound."""
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (240, 320, 3)).astype(np.float32), (0, 0), 5)
    picture = cv2.normalize(noise, None, 60, 190, cv2.NORM_MINMAX)
    path = tmp_path / "person.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE)
    for i in range(COUNT):
        writer.write(np.clip(picture + 0.1 * i, 0, 255).astype(np.uint8))
    writer.release()
    return path


class Script:
    """Detections instead of MediaPipe's: the canonical face in every frame, in some another."""

    def __init__(self) -> None:
        self.calls = 0
        self.share = 0.5  # size of the other face

    def detect(self, frame: U8) -> list[Face]:
        faces = [Face(apply_affine(similarity(50, 0, 110, 90), canonical_face()), 1.0)]
        if self.calls in CROWDED:
            place = similarity(50 * self.share, 0, 260, 90)
            faces.append(Face(apply_affine(place, canonical_face()), 1.0))
        self.calls += 1
        return faces


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """What every detector sees, whichever stage opens it."""
    made = Script()
    monkeypatch.setattr(MediaPipeDetector, "__init__", lambda _, device: None)
    monkeypatch.setattr(MediaPipeDetector, "__exit__", lambda *_: None)
    monkeypatch.setattr(MediaPipeDetector, "detect", lambda _, frame: made.detect(frame))
    monkeypatch.setattr(MediaPipeDetector, "misses_small_faces", False)
    return made


def reasons_of(folder: Path) -> dict[int, str]:
    with (folder / "rejected.tsv").open(encoding="utf-8") as file:
        return {int(row["frame"]): row["reason"] for row in csv.DictReader(file, delimiter="\t")}


def test_every_frame_is_searched_once(video: Path, tmp_path: Path, script: Script) -> None:
    result = lipsync.extract_faces([video], tmp_path / "set", options=OPTIONS)
    looked_at_both_ways = 4 * PROBES  # to tell whether the video is upside down
    assert COUNT <= script.calls <= COUNT + looked_at_both_ways
    assert result.seen == COUNT
    assert result.reasons == {"several people": len(CROWDED)}
    assert reasons_of(tmp_path / "set") == dict.fromkeys(CROWDED, "several people")
    with FaceSet(tmp_path / "set") as faces:
        assert len(faces) == result.kept == COUNT - len(CROWDED)


def test_a_small_second_face_does_no_harm(video: Path, tmp_path: Path, script: Script) -> None:
    script.share = 0.3
    result = lipsync.extract_faces([video], tmp_path / "set", options=OPTIONS)
    assert result.kept == COUNT
    assert result.reasons == {}


def test_a_missing_picture_of_the_face_is_not_taken_for_a_broken_video(
    video: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "nobody.png"
    options = lipsync.ExtractOptions.of(face=str(picture), cache=False)
    with pytest.raises(MediaError, match=r"nobody\.png"):
        lipsync.extract_faces([video], tmp_path / "set", options=options)


def test_nothing_to_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FacesError, match="no videos"):
        lipsync.extract_faces([], tmp_path / "set", options=OPTIONS)
