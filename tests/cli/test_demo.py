"""`lipsync demo`: the bundled sample without arguments, again and again, and nobody's file lost."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
import soundfile

from lipsync import media
from lipsync.cli import demo
from lipsync.cli.app import main

REPO = Path(__file__).resolve().parents[2]
FILES = ["demo.mp4", "demo.mp4.json", "demo.png"]


def run(*arguments: object) -> int:
    """Exit code of the command line, run in this process."""
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
        raise SystemExit(0)
    return int(stop.value.code or 0)


@pytest.fixture
def _short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo says but one second of its speech, and we are in an empty folder."""
    samples, rate = soundfile.read(REPO / "assets" / demo.SPEECH)
    speech = tmp_path / "speech.wav"
    soundfile.write(speech, samples[:rate], rate)
    real = demo.asset_path
    monkeypatch.setattr(demo, "asset_path", lambda n: speech if n == demo.SPEECH else real(n))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.usefixtures("_short")
@pytest.mark.slow
def test_without_arguments_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("demo") == 0
    told = capsys.readouterr().out
    for file in FILES:
        assert str(demo.FOLDER / file) in told
    assert "do the lips close" in told
    assert sorted(path.name for path in demo.FOLDER.iterdir()) == FILES
    video = demo.FOLDER / demo.VIDEO
    assert media.probe(video).frame_count == 25
    assert cv2.imread(str(demo.FOLDER / demo.SHEET)) is not None
    first = video.stat().st_mtime_ns
    # What a demo wrote another may replace, with other options as well.
    assert run("demo", "--crf", 30, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["output"] == str(video)
    assert video.stat().st_mtime_ns > first
    assert json.loads((demo.FOLDER / FILES[1]).read_text())["options"]["crf"] == 30


@pytest.mark.usefixtures("_short")
@pytest.mark.slow
def test_a_result_that_somebody_changed_is_not_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("demo", "-o", "mine") == 0
    video = Path("mine", demo.VIDEO)
    with video.open("ab") as file:
        file.write(b"changed")
    capsys.readouterr()
    assert run("demo", "-o", "mine") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("demo.mp4: exists already; pass --overwrite to replace it")
    assert video.read_bytes().endswith(b"changed")
    assert run("demo", "-o", "mine", "--overwrite") == 0
    assert not video.read_bytes().endswith(b"changed")


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(
    ("made", "record"),
    [
        (None, "{}"), (None, "no JSON"), ("other bytes", None), ("other bytes", "[]"),
        ("other bytes", '{"inputs": {}, "output": {"sha256": "0"}}'),
        ("other bytes", '{"inputs": [], "output": {"sha256": "0"}}'),
        ("other bytes", '{"output": {"sha256": "0"}}'),
    ],
)  # fmt: skip
def test_what_is_no_demo_is_told_from_one(made: str | None, record: str | None) -> None:
    video = Path(demo.VIDEO)
    if made is not None:
        video.write_text(made)
    if record is not None:
        Path(f"{demo.VIDEO}.json").write_text(record)
    assert not demo._is_earlier_demo(video, demo.asset_path(demo.TARGET))


@pytest.mark.usefixtures("_short")
def test_errors_are_one_line_and_leave_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("demo", "--teeth", "no-such-picture.png") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    Path("file").write_text("")
    assert run("demo", "-o", "file/folder") == 2
    assert "file/folder: cannot be written (" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["file"]
