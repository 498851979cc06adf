"""An inspection from end to end: real footage, a made mouth, and everything it cannot judge."""

from __future__ import annotations

import html
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.cli import main
from lipsync.errors import MediaError, NoFaceError, OutputError
from lipsync.inspection.questions import QUESTIONS
from tests.support import clips

PORTRAIT = Path(__file__).resolve().parents[2] / "assets" / "sample"


def _grid(shared: Path, folder: str = "grid_s31") -> Path:
    return sorted((shared / "data" / folder).iterdir())[0]


@pytest.fixture(scope="module")
def real(shared: Path) -> lipsync.InspectResult:
    """A clip as it was recorded, by a person whom no model has seen."""
    return lipsync.inspect(_grid(shared))


@pytest.mark.real
def test_a_recording_is_not_called_made(real: lipsync.InspectResult) -> None:
    assert real.made is False
    assert real.likelihood is not None
    assert 0 <= real.likelihood < real.threshold
    assert [one.question for one in real.answers] == list(QUESTIONS)
    assert real.face_frames == real.frames == 75


@pytest.mark.real
def test_everything_is_given_per_frame_per_shot_and_over_time(
    real: lipsync.InspectResult,
) -> None:
    assert all(len(values) == real.frames for values in real.per_frame.values())
    assert [(one.first, one.end) for one in real.shots] == [(0, real.frames)]
    assert real.timeline[0].first == 0
    assert real.timeline[-1].end == real.frames
    assert "people" in real.against
    assert real.error_rates


@pytest.mark.real
def test_scores_that_cannot_be_given_say_why(real: lipsync.InspectResult) -> None:
    by_key = {one.question: one for one in real.answers}
    assert by_key["identity"].verdict == "not applicable"
    assert "reference" in by_key["identity"].words
    for answer in real.answers:
        for score in answer.scores:
            assert (score.z is None) == (score.reason is not None), score


@pytest.mark.real
def test_a_mouth_blurred_by_hand_is_found_and_named(
    real: lipsync.InspectResult, shared: Path, tmp_path: Path
) -> None:
    """The lower third of the face is softened in every frame, as a weak generator would."""
    place = tmp_path / "soft.mp4"
    box = "crop=150:110:110:170,gblur=sigma=3[soft];[0:v][soft]overlay=110:170"
    clips.run("-i", str(_grid(shared)), "-filter_complex", f"[0:v]{box}", "-crf", "14", str(place))
    soft = lipsync.inspect(place)
    blur, own = (
        next(one.z for one in found.answers if one.question == "blur") for found in (soft, real)
    )
    assert blur is not None
    assert own is not None
    assert blur > max(3.0, own + 2)
    assert (soft.likelihood or 0) > (real.likelihood or 0)


@pytest.mark.real
def test_the_person_of_the_reference_is_told_from_another(shared: Path, tmp_path: Path) -> None:
    video = _grid(shared)
    scores = []
    for folder in ("grid_s31", "grid_s26"):
        picture = tmp_path / f"{folder}.png"
        clips.run("-i", str(sorted((shared / "data" / folder).iterdir())[-1]),
                  "-frames:v", "1", str(picture))  # fmt: skip
        found = lipsync.inspect(video, reference=[picture])
        answer = next(one for one in found.answers if one.question == "identity")
        scores.append(answer.scores[0].value)
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0] < scores[1]


@pytest.mark.real
def test_without_sound_lips_are_judged_by_their_motion_alone(shared: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.mkv"
    clips.run("-i", str(_grid(shared)), "-an", "-c:v", "copy", str(silent))
    by_key = {one.question: one for one in lipsync.inspect(silent).answers}
    for key in ("sync", "silence", "closures"):
        assert by_key[key].verdict == "not applicable"
        assert "no sound" in by_key[key].words
    assert by_key["motion"].z is not None


def test_a_video_without_a_face_has_no_likelihood_and_no_scores() -> None:
    found = lipsync.inspect(clips.video("faceless.mp4", size="320x240", frames=20))
    assert found.likelihood is None
    assert found.made is None
    assert {one.verdict for one in found.answers} == {"not applicable"}
    assert all("no face" in one.words for one in found.answers)
    assert found.marks


@pytest.mark.real
def test_three_frames_are_not_enough(shared: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.mkv"
    clips.run("-i", str(_grid(shared)), "-frames:v", "3", str(short))
    found = lipsync.inspect(short)
    assert found.likelihood is None
    assert "only 3 of its frames" in found.warnings[0]


def test_a_still_picture_is_said_to_be_one(tmp_path: Path) -> None:
    picture = tmp_path / "still.png"
    clips.run("-f", "lavfi", "-i", "testsrc2=size=320x240", "-frames:v", "1", str(picture))
    found = lipsync.inspect(picture)
    assert found.likelihood is None
    assert found.warnings == ("it is a still picture",)


@pytest.mark.real
def test_a_report_is_written_whole_or_not_at_all(shared: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        lipsync.inspect(_grid(shared), report=page)
    assert page.read_text() == "mine"
    found = lipsync.inspect(_grid(shared), report=page, source=_grid(shared), overwrite=True)
    assert found.report == page
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert "default-src 'none'" in html.unescape(text)
    assert list(tmp_path.iterdir()) == [page]


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        lipsync.inspect(tmp_path / "missing.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(MediaError):
        lipsync.inspect(text)
    video = clips.video("faceless.mp4", size="320x240", frames=20)
    with pytest.raises(OutputError, match=r"\.html"):
        lipsync.inspect(video, report=tmp_path / "page.txt")
    with pytest.raises(NoFaceError):
        picture = tmp_path / "nobody.png"
        clips.run("-f", "lavfi", "-i", "testsrc2=size=320x240", "-frames:v", "1", str(picture))
        lipsync.inspect(video, reference=[picture])


def test_the_command_prints_an_object_that_json_can_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = clips.video("faceless.mp4", size="320x240", frames=20)
    main(["inspect", str(video), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["likelihood"] is None
    assert found["frames"] == 20
    assert "NaN" not in json.dumps(found)


def test_the_command_answers_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    video = clips.video("faceless.mp4", size="320x240", frames=20)
    main(["inspect", str(video)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{video}: whether it was made cannot be told"
    assert sum("?" in line for line in lines) == len(QUESTIONS)


def test_a_drawn_portrait_is_scored_without_failing(tmp_path: Path) -> None:
    """The bundled sample is an animated picture: whatever is said, nothing breaks."""
    sample = next(path for path in PORTRAIT.iterdir() if path.suffix == ".mp4")
    place = shutil.copy(sample, tmp_path / "sample.mp4")
    found = lipsync.inspect(place)
    assert found.likelihood is None or 0 <= found.likelihood <= 1
    known = [v for values in found.per_frame.values() for v in values if v is not None]
    assert np.isfinite(known).all()
    assert media.probe(place).frame_count == found.frames
