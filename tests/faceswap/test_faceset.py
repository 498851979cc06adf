from __future__ import annotations

import csv
import logging
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync.errors import FacesError
from lipsync.faceswap.faceset import CurationOptions, FaceSet, coverage_report, curation
from lipsync.faceswap.faceset.curation import CRITERIA
from lipsync.options import ExtractOptions
from lipsync.pipelines.extract_faces import extract_faces
from tests.support import face_sets

GOOD = {"size": 90.0, "others": 0.0, "likeness": 0.9, "light": 60.0, "clipped": 0.0, "tint": 1.0,
        "sharpness": 1.0, "odd": 1.0}  # fmt: skip


def columns(n: int, **changed: float) -> dict[str, np.ndarray]:
    """Scores of n good faces, the middle one of which has other ones."""
    values = {name: np.full(n, value, np.float32) for name, value in GOOD.items()}
    for name, value in changed.items():
        values[name][n // 2] = value
    return values


def different(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (n, 400)).astype(np.float32)


@pytest.mark.parametrize("criterion", CRITERIA[:-1], ids=lambda c: c.score)
def test_each_criterion_rejects_what_is_beyond_its_threshold(criterion: curation.Criterion) -> None:
    limit = curation.threshold_of(criterion, CurationOptions())
    step = 1e-3 * max(limit, 1)
    for value, rejected in ((limit - step, criterion.least), (limit + step, not criterion.least)):
        values = columns(5, **{criterion.score: value})
        reasons = curation.find_rejections(values, different(5), CurationOptions())
        assert [r is not None for r in reasons] == [False, False, rejected, False, False]
        if rejected:
            assert reasons[2] is criterion


def test_only_the_first_of_near_duplicates_is_kept() -> None:
    thumbs = different(4)
    thumbs[2] = thumbs[0] + 0.004
    thumbs[3] = thumbs[1] + 0.006
    values = columns(4)
    reasons = curation.find_rejections(values, thumbs, CurationOptions(least_change=0.005))
    assert [r.reason if r else None for r in reasons] == [None, None, "duplicate", None]
    assert values["change"][2:] == pytest.approx([0.004, 0.006], abs=1e-5)


def test_a_rejected_face_has_no_duplicates() -> None:
    thumbs = different(2)
    thumbs[1] = thumbs[0]
    values = columns(2)
    values["size"][0] = 5
    reasons = curation.find_rejections(values, thumbs, CurationOptions())
    assert [r.reason if r else None for r in reasons] == ["small", None]


def test_sharpness_color_and_clipping_are_measured() -> None:
    rng = np.random.default_rng(0)
    face = rng.integers(90, 160, (curation.VIEW, curation.VIEW, 3), dtype=np.uint8)
    mask = np.ones((curation.VIEW,) * 2, bool)
    sharp, lab, clipped, thumb = curation.measure_crop(face, mask)
    soft, same, _, _ = curation.measure_crop(cv2.GaussianBlur(face, (0, 0), 2), mask)
    assert soft < 0.2 * sharp
    assert same == pytest.approx(lab, abs=1.5)
    assert clipped == 0
    assert thumb.mean() == pytest.approx(125 / 255, abs=0.02)
    yellow = face.copy()
    yellow[..., 2] //= 2
    assert np.linalg.norm(curation.measure_crop(yellow, mask)[1][1:] - lab[1:]) > 25
    face[: curation.VIEW // 4] = 255
    assert curation.measure_crop(face, mask)[2] == pytest.approx(0.25)


def test_a_set_comes_back(tmp_path: Path) -> None:
    folder = face_sets.make(tmp_path / "anna", 1, count=12)
    wanted = face_sets.picture(np.random.default_rng(1), (0, 0, 0), 0.0)
    with FaceSet(folder) as faces, FaceSet(folder / "faces.zip") as same:
        assert len(faces) == 12
        assert faces.name == "anna"
        assert faces.face(11).shape == wanted.shape
        assert faces.points.shape == (12, 478, 2)
        assert faces.shot.tolist() == [0] * 10 + [1, 1]
        assert faces.find_damage() is None
        assert np.array_equal(faces.face(3), same.face(3))
        assert faces.digest == same.digest
    with zipfile.ZipFile(folder / "faces.zip") as archive:  # any program opens it
        data = np.frombuffer(archive.read("faces/000003.jpg"), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (64, 64, 3)


def test_stored_pictures_are_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = face_sets.picture(rng, (200, 160, 140), 0.5)
    from lipsync.faceswap.faceset.store import write_face_set

    with write_face_set(tmp_path) as writer:
        writer.add(picture)
        writer.finish({"size": 64, "scheme": face_sets.SCHEME.name}, points=np.zeros((1, 478, 2)),
                      upper=np.zeros((1, 40, 56)), shot=np.zeros(1, int))  # fmt: skip
    with FaceSet(tmp_path) as faces:
        error = np.sqrt(np.mean((faces.face(0).astype(float) - picture) ** 2))
    assert 20 * np.log10(255 / error) > 42  # dB


def test_damage_is_named(tmp_path: Path) -> None:
    folder = face_sets.make(tmp_path / "anna", 1, count=12)
    place = folder / "faces.zip"
    data = bytearray(place.read_bytes())
    at = data.find(b"faces/000005.jpg") + 400
    data[at] ^= 0xFF
    place.write_bytes(data)
    with FaceSet(folder) as faces:
        assert faces.find_damage() == "faces/000005.jpg"
        with pytest.raises(FacesError, match=r"face 5 \(faces/000005.jpg\) is damaged"):
            faces.face(5)
    place.write_bytes(data[:1000])
    with pytest.raises(FacesError, match="damaged, or not a set of faces"):
        FaceSet(folder)
    with pytest.raises(FacesError, match="lipsync faces extract"):
        FaceSet(tmp_path / "nowhere")


def test_an_unfinished_set_does_not_appear(tmp_path: Path) -> None:
    from lipsync.faceswap.faceset.store import write_face_set

    with pytest.raises(RuntimeError), write_face_set(tmp_path) as writer:
        writer.add(np.zeros((64, 64, 3), np.uint8))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_report_names_what_is_missing(tmp_path: Path) -> None:
    n = 40
    values = columns(n)
    yaw = np.linspace(-30, -2, n).astype(np.float32)  # never to the right
    opening = np.where(np.arange(n) % 2, 0.01, 0.3).astype(np.float32)
    width = np.tile(np.array([0.5, 0.55, 0.6, 0.66], np.float32), n // 4)
    reasons = curation.find_rejections(values, different(n), CurationOptions())
    pitch = np.zeros(n, np.float32)
    report = coverage_report.CoverageReport(
        values, reasons, CurationOptions(), yaw=yaw, pitch=pitch, opening=opening, width=width
    )
    missing = report.save(tmp_path / "report.png")
    assert [line for line in missing if "turned" in line] == [
        "heads turned to the image's right by 10–35°"
    ]
    assert not [line for line in missing if "mouths" in line]
    assert cv2.imread(str(tmp_path / "report.png")) is not None


def test_a_folder_without_any_picture_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(FacesError, match="none of the 1 files can be read"):
        extract_faces([tmp_path / "a.png"], tmp_path / "out")


@pytest.mark.real
@pytest.mark.slow
def test_real_footage_becomes_a_set(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good frames are kept; noise, a broken file, a stranger and a covered face are told apart."""
    from lipsync.media import probe, read_frames

    clips = sorted((shared / "data" / "grid_s4").glob("*.mp4"))[:3]
    noise, broken, blurred = (tmp_path / name for name in ("noise.png", "broken.jpg", "soft.png"))
    rng = np.random.default_rng(0)
    cv2.imwrite(str(noise), rng.integers(0, 255, (200, 200, 3), dtype=np.uint8))
    broken.write_bytes(b"\xff\xd8\xff\xe0 nothing")
    frame = next(read_frames(probe(clips[0])))
    cv2.imwrite(str(blurred), cv2.GaussianBlur(frame, (0, 0), 7)[..., ::-1])
    stranger = sorted((shared / "data" / "grid_s31").glob("*.mkv"))[0]
    files = [*clips, noise, broken, blurred, stranger]
    options = ExtractOptions.of(per_second=12.5, least_change=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(logging.getLogger("lipsync.pipelines.face_footage"), "level", logging.ERROR)
        result = extract_faces(files, tmp_path / "set", options=options)
    assert result.kept >= 100
    with (tmp_path / "set" / "rejected.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    reason = {Path(row["file"]).name: row["reason"] for row in rows}
    assert reason["noise.png"] == "no face"
    assert reason["broken.jpg"] == "unreadable file"
    assert reason["soft.png"] in ("blur", "stranger")
    assert reason[stranger.name] == "stranger"
    assert result.kept + len(rows) - 1 == result.seen
    with FaceSet(tmp_path / "set") as faces:
        assert len(faces) == result.kept
        assert len(np.unique(faces.shot)) >= 3
        # Landmarks lie on the stored picture: the eyes' outer corners where the space has them.
        eyes = faces.points[:, faces.scheme.outer_eyes].mean((0, 1))
        assert eyes == pytest.approx([127.5, 127.5 - 0.45 * 256 / 3.6], abs=3)
    with pytest.raises(FacesError, match="exists already"):
        extract_faces(files, tmp_path / "set", options=options)


@pytest.mark.real
def test_too_few_faces_are_counted_with_their_reasons(shared: Path, tmp_path: Path) -> None:
    clip = sorted((shared / "data" / "grid_s4").glob("*.mp4"))[0]
    command = [sys.executable, "-m", "lipsync", "faces", "extract", clip, "-o", tmp_path / "x"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    lines = [line for line in run.stderr.splitlines() if line.startswith("lipsync: error")]
    assert len(lines) == 1
    assert "usable faces, at least 50 are needed" in lines[0]
    assert "duplicate" in lines[0]
    assert not (tmp_path / "x" / "faces.zip").exists()
    assert (tmp_path / "x" / "report.png").exists()
