"""Signals to a command at work: one line, the right code, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample"
# What a signal is answered with, and the code that shells give it.
ANSWERS = {
    signal.SIGINT: ("interrupted", 130),
    signal.SIGTERM: ("terminated", 143),
    signal.SIGHUP: ("hung up", 129),
}
# A command in a script's background ignores interrupts; this one heeds them.
HEED = (
    "import signal; "
    f"[signal.signal(number, signal.SIG_DFL) for number in {[int(one) for one in ANSWERS]}]; "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from lipsync.cli import main; main()"
)


def start_render(folder: Path) -> subprocess.Popen[str]:
    command = ["render", "-a", str(SAMPLE / "speech.wav"), "-v", str(SAMPLE / "target.mp4")]
    return subprocess.Popen(
        [sys.executable, "-c", HEED, *command, "-o", str(folder / "o.mp4")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
    )


def wait_for_work(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until the render has opened its job's folder: libraries are loaded, work has begun."""
    for _ in range(2400):
        if list(folder.glob("cache/lipsync/job-*")) or process.poll() is not None:
            return
        time.sleep(0.05)


@pytest.mark.parametrize("number", ANSWERS, ids=lambda number: number.name)
def test_a_render_says_what_was_written_and_cleans_up(
    number: signal.Signals, tmp_path: Path
) -> None:
    with start_render(tmp_path) as process:
        wait_for_work(tmp_path, process)
        time.sleep(1)
        process.send_signal(number)
        out, err = process.communicate(timeout=300)
    word, code = ANSWERS[number]
    assert process.returncode == code, err
    assert len(err.splitlines()) == 1, err
    (line,) = err.splitlines()
    assert line == f"lipsync: {word}; nothing was written; run the command again to go on"
    assert out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    left = [path for path in (tmp_path / "cache").rglob("*") if ".part" in path.name]
    assert not left
    assert not list(tmp_path.glob("cache/lipsync/job-*"))


@pytest.mark.parametrize("delay", [0.3, 0.8, 1.6])
def test_an_interrupt_while_libraries_load_has_no_traceback(delay: float, tmp_path: Path) -> None:
    with start_render(tmp_path) as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    if "import signal" in err or not err:  # before the first line of ours: Python's own answer
        pytest.skip("the machine is slow: Python itself had not started")
    assert process.returncode == 130, err
    (line,) = err.splitlines()
    assert line.startswith("lipsync: interrupted; nothing was written")


def test_an_error_under_an_interrupt_is_an_interrupt(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries make other exceptions of it, or swallow it."""
    from lipsync.cli import app

    def turned(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise RuntimeError("cannot schedule new futures") from None

    def swallowed(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            return

    for command in (turned, swallowed):
        monkeypatch.setattr(app, "app", command)
        with pytest.raises(SystemExit) as stopped:
            app.main([])
        assert stopped.value.code == 143
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("lipsync: terminated; nothing was written")


def test_what_is_complete_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync.cli import app
    from lipsync.runtime.atomic import atomic_write

    def write(*_: object, **__: object) -> None:
        with atomic_write(tmp_path / "o.mp4") as temporary:
            temporary.write_bytes(b"whole")
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(app, "app", write)
    with pytest.raises(SystemExit):
        app.main([])
    assert f"terminated; {tmp_path}/o.mp4 was written, the rest was not" in capsys.readouterr().err
