"""Footage that makes it hard: rendered as well as can be, with a warning, never a crash."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import lipsync
from lipsync import media
from lipsync.types import LipTrack
from tests.support.renders import correlate_openings, face_in, predict_lips, shown_positions

HARD = {
    "144p": (("-vf", "scale=-2:144", "-crf", "20"), "small"),
    "strongly compressed": (("-vf", "scale=360:288", "-crf", "42"), None),
    "dark": (("-vf", "colorlevels=romax=0.09:gomax=0.09:bomax=0.09", "-crf", "12"), "dark"),
    "red lips": (("-vf", "hue=s=2", "-crf", "20"), None),
    "two seconds": (("-t", "2", "-crf", "20"), None),
}


LEAST_FIT = 0.6  # correlation of the lips' opening, predicted and seen


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_it_is_rendered_and_said(name: str, shared: Path, tmp_path: Path) -> None:
    coding, said = HARD[name]
    target = tmp_path / "target.mp4"
    source = shared / "data" / "targets" / "grid_s1_120s.mp4"
    command = [media.ffmpeg_binary(), "-v", "error", "-i", str(source), "-t", "6", *coding]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-c:a", "copy", str(target)], check=True)
    speech = tmp_path / "speech.wav"
    words = shared / "data" / "speech" / "LJ001-0001.wav"
    subprocess.run(
        [media.ffmpeg_binary(), "-v", "error", "-i", str(words), "-t", "3", str(speech)], check=True
    )

    result = lipsync.render(speech, target, tmp_path / "out.mp4")

    assert result.changed_frames == result.frames == 75
    if said is not None:
        assert any(said in warning for warning in result.warnings)
    assert all("\n" not in warning for warning in result.warnings)
    face, own = face_in(result.output), face_in(target)
    assert face.found.mean() > 0.9
    wanted = predict_lips(speech, own.lips, result.fps, result.frames)
    assert correlate_openings(wanted, face.lips) > LEAST_FIT
    untouched = LipTrack(own.at(shown_positions(own, speech, result)).lips, result.fps)
    assert correlate_openings(wanted, untouched) < LEAST_FIT, "the target's own mouth would do"
