"""What a person's own lips score on their clips, and what a render makes of silence."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.vad import SpeechSegments
from lipsync.types import LipTrack, Waveform
from tests.support.faces import FPS, mouth
from tests.support.talkers import speaker
from training.corpus import dataset
from training.corpus.dataset import Clip, Speaker
from training.evaluation import lip_accuracy
from training.evaluation.lip_metric_tables import (
    NEAR_S,
    LipEvaluation,
    Row,
    measured_lips,
    running_speech_table,
    silent_frames,
)
from training.metrics import GapLevels

SAMPLE = Path(__file__).resolve().parents[3] / "assets" / "sample"
SPEECH = SpeechSegments(np.array([[1.0, 2.0]]))
SECONDS = np.arange(75) / 25


def made_exam(gaps: np.ndarray) -> LipEvaluation:
    """One clip of 3 s, speech in the middle second, a closure at its beginning."""
    lips = LipTrack(np.stack([mouth(float(gap)) for gap in gaps]), FPS)
    clip = Clip("someone says it", Waveform(np.zeros(48000, np.float32), 16000), lips)
    speaker = Speaker("someone", LipProfile(mouth(0.0), 0.6, 0.1), (clip,))
    windows = [np.array([[0.9, 1.1]])]
    return LipEvaluation(speaker, [clip], windows, [SPEECH], GapLevels(0.02, 0.06), mouth(0.0))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def restless() -> np.ndarray:
    """Never still, and closed at 1 s."""
    return 0.4 * np.abs(np.sin(np.pi * (SECONDS - 1) * 3.1))


def test_the_original_scores_perfectly_and_its_restlessness_shows() -> None:
    evaluation = made_exam(restless())
    row = cells(evaluation.row(Row("original", measured_lips, settled=False)))
    assert row[:2] == ["original", "1.000"]
    assert row[4:9] == ["0.0000", "1.00", "+0", "1.00", "1.00"]
    assert row[9] == "0.000"
    assert 0 < float(row[10].rstrip("%")) < 100  # it turns round now and then


def test_the_same_lips_rest_away_from_speech_once_a_render_shows_them() -> None:
    row = cells(made_exam(restless()).row(Row("settled", measured_lips)))
    assert row[11] == "100.0%"
    assert float(row[10].rstrip("%")) > 70


def test_a_mouth_that_never_closes_recalls_nothing() -> None:
    def wide(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [LipTrack(np.stack([mouth(0.1)] * 75), FPS)]

    row = cells(made_exam(restless()).row(Row("wide", wide)))
    assert row[7:10] == ["0.00", "0.00", "0.000"]
    assert row[1] == "–"  # nothing varies: no correlation to speak of


def test_a_closure_that_the_render_opens_or_makes_is_told_apart() -> None:
    """The true mouth shuts at 0.4 s, long before the speech, where a render shuts any mouth."""
    made = made_exam(np.where(np.abs(SECONDS - 0.4) < 0.02, 0, 0.1))
    evaluation = replace(made, windows=[np.array([[0.3, 0.5]])])

    def wide(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [LipTrack(np.stack([mouth(0.1)] * 75), FPS)]

    assert cells(evaluation.row(Row("wide", wide)))[7:9] == ["0.00", "1.00"]
    assert cells(evaluation.row(Row("wide", wide, settled=False)))[7:9] == ["0.00", "0.00"]


def test_a_block_counts_what_it_judges() -> None:
    text = "\n".join(
        made_exam(restless()).table("someone", [Row("original", measured_lips, False)])
    )  # 50 frames outside of 1–2 s, the first of which has none before it.
    away = int((SECONDS < 1 - NEAR_S).sum() + (SECONDS >= 2 + NEAR_S).sum()) - 1
    assert f"1 of 1 p, b, m close in truth. 49 silent frames, {away} of them" in text
    assert "| original | 1.000 |" in text


def test_margins_belong_to_the_speech() -> None:
    asked = silent_frames(SPEECH, 75, FPS, 0)
    assert asked.tolist() == [not 1 <= t < 2 for t in SECONDS]
    assert silent_frames(SPEECH, 75, FPS, 0.4).sum() == 75 - round(1.8 * 25)
    # Margins that meet leave nothing between them.
    two = SpeechSegments(np.array([[1.0, 1.5], [1.9, 2.5]]))
    assert not silent_frames(two, 75, FPS, 0.3)[(SECONDS > 1) & (SECONDS < 2.5)].any()


@pytest.mark.real
def test_pauses_of_running_speech(shared: Path) -> None:
    """Lips that would move in all of it are still where the render closes them."""

    def shaking(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
        """Three times a second, up to 0.4 open."""
        tracks = []
        for clip in clips:
            gaps = 0.2 + 0.2 * np.sin(2 * np.pi * 3 * np.arange(len(clip.lips)) / 25)
            tracks.append(LipTrack(np.stack([mouth(float(gap)) for gap in gaps]), FPS))
        return tracks

    files = [shared / "data" / "speech" / name for name in ("jfk.flac", "LJ001-0001.wav")]
    evaluation = made_exam(restless())
    lines = running_speech_table(files, evaluation, [Row("shaking", shaking)])
    assert lines[0] == "## Silence in running speech, on someone's mouth at 25 fps"
    counts = re.fullmatch(r".*Silent frames: jfk \((\d+)\), LJ001-0001 \((\d+)\)\.", lines[2])
    assert counts is not None
    # Pauses of 0.35, 1, 1, 0.5 and 0.4 s; a second one of 0.26 and 0.35 s.
    assert [int(count) for count in counts.groups()] == pytest.approx([83, 15], abs=4)
    both, away = (float(cell.rstrip("%")) for cell in cells(lines[6])[1:])
    assert away == 100
    assert 10 < both < 90  # short pauses are spoken over, and every pause has its two ends


@pytest.mark.slow
def test_the_page_has_a_table_for_everybody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = (lip_accuracy.SEEN, *lip_accuracy.UNSEEN)
    for name in people:
        dataset.save(tmp_path / f"{name}.npz", speaker(3, name=name))
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    shutil.copy(SAMPLE / "speech.wav", sounds)
    page = tmp_path / "lips.md"
    arguments = ["--data", str(tmp_path), "--speech", str(sounds), "--out", str(page)]
    lip_accuracy.main(arguments)
    text = page.read_text()
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert len(titles) == len(people) + 1
    assert all(name in title for name, title in zip(people, titles, strict=False))
    assert text.count("| **shipped** (`default`) |") == len(people) + 1
    assert text.count("| original | 1.000 |") == len(people)
    # No clip is named after a GRID sentence: no p, b, m to judge.
    assert text.count("0 of 0 p, b, m close in truth.") == len(people)
    assert "Silent frames: speech (" in text
    captured = capsys.readouterr()
    assert captured.out.strip() == text.strip()
    assert "grid_s4: original" in captured.err


def test_what_is_missing_is_said_before_any_work(tmp_path: Path) -> None:
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "lips.md")]
    with pytest.raises(SystemExit, match="no sound in this folder; name another with --speech"):
        lip_accuracy.main([*arguments, "--speech", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match=r"grid_s1\.npz"):
        lip_accuracy.main([*arguments, "--speech", str(SAMPLE)])
    assert list(tmp_path.iterdir()) == []
