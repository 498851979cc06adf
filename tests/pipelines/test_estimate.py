"""A dry run: it checks what a render checks, writes nothing, and knows what is cached."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from lipsync import media
from lipsync.cli.app import main
from lipsync.errors import LipsyncError, NoFaceError
from lipsync.options import RenderOptions
from lipsync.pipelines.estimate import estimate_render
from lipsync.pipelines.render import render
from lipsync.report.estimate import RenderEstimate
from tests.support import clips

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample" / "target.mp4"


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Two seconds of the sample's own."""
    sound = media.read_audio(SAMPLE)
    path = tmp_path / "speech.wav"
    soundfile.write(path, sound.samples[: 2 * sound.rate], sound.rate)
    return path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of cache and configuration that are not there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def cached(estimate: RenderEstimate) -> dict[str, bool]:
    return {step.name: step.cached for step in estimate.steps}


def test_nothing_is_written_and_what_is_cached_costs_nothing(speech: Path, own: Path) -> None:
    before = sorted(own.rglob("*"))
    first = estimate_render(speech, SAMPLE, own / "o.mp4")
    assert sorted(own.rglob("*")) == before
    assert not any(cached(first).values())
    options = RenderOptions.of(adapt="never")
    never = estimate_render(speech, SAMPLE, own / "o.mp4", options=options)
    assert "adaptation" in cached(first)
    assert "adaptation" not in cached(never)
    assert never.seconds < first.seconds

    result = render(speech, SAMPLE, own / "o.mp4", options=options)
    used = sum(file.stat().st_size for file in (own / "cache").rglob("*") if file.is_file())
    size = result.output.stat().st_size
    assert (never.frames, never.fps) == (result.frames, result.fps)
    assert 0.5 < never.cache_size / used < 2
    assert 0.3 < never.output_size / size < 3

    there = sorted(path for path in own.rglob("*") if path.is_file())
    used_at = {path: path.stat().st_mtime_ns for path in own.rglob("*")}
    again = estimate_render(speech, SAMPLE, own / "p.mp4", options=options)
    assert {path: path.stat().st_mtime_ns for path in own.rglob("*")} == used_at
    assert sorted(path for path in own.rglob("*") if path.is_file()) == there
    assert cached(again) == {
        "start": False,
        "landmarks of target.mp4": True,
        "speech": False,
        "mouth bank": True,
        "pictures": False,
    }
    assert again.seconds < never.seconds
    assert again.cache_size == 0
    whole = estimate_render(speech, SAMPLE, own / "p.mp4")  # the adaptation is not cached
    assert cached(whole)["landmarks of target.mp4"]
    assert not cached(whole)["adaptation"]


def test_what_stops_a_render_stops_a_dry_run(speech: Path, own: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"")
    for arguments, words in (
        ({"audio": tmp_path / "none.wav", "video": SAMPLE}, "no such file"),
        ({"audio": speech, "video": SAMPLE, "output": taken}, "--overwrite"),
        ({"audio": speech, "video": SAMPLE, "output": tmp_path / "no" / "o.mp4"}, "no folder"),
        ({"audio": speech, "video": SAMPLE, "output": tmp_path / "o.avi"}, "o.avi"),
    ):
        with pytest.raises(LipsyncError, match=words):
            estimate_render(**arguments)  # type: ignore[arg-type]


def test_a_face_that_is_nowhere_is_said(speech: Path, own: Path, tmp_path: Path) -> None:
    empty = clips.video(str(tmp_path / "faceless.mp4"))
    estimate = estimate_render(speech, empty, own / "o.mp4")
    assert any("no face in the" in line for line in estimate.warnings)
    with pytest.raises(NoFaceError):
        render(speech, empty, own / "o.mp4")
    with pytest.raises(NoFaceError):  # now it is known
        estimate_render(speech, empty, own / "o.mp4")


def test_a_disk_that_is_too_small_is_said(
    speech: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync.pipelines import estimate

    monkeypatch.setattr(estimate, "free_bytes", lambda folder: 1000)
    warnings = estimate_render(speech, SAMPLE, own / "o.mp4").warnings
    assert any("the disk of o.mp4 has 1 kB" in line for line in warnings)
    assert any("the disk of the cache" in line for line in warnings)


def test_the_command_prints_an_estimate(
    speech: Path, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = own / "o.mp4"
    command = ["render", "-a", str(speech), "-v", str(SAMPLE), "-o", str(output), "--dry-run"]
    main(command)
    said = capsys.readouterr().out
    assert f"{output}: 50 frames of 512 × 512, 2.0 s; nothing was written" in said
    main([*command, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["frames"] == 50
    assert result["seconds"] == pytest.approx(sum(s["seconds"] for s in result["steps"]), abs=0.1)
    assert not output.exists()
