"""Inputs that are pipes: read once, never waited for without end, never left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lipsync import media
from lipsync.errors import MediaError
from lipsync.media import PipedInputs, pipes
from tests.support import clips

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir()), "a copy of a pipe stayed behind"


def fifo(path: Path, data: bytes | None) -> Path:
    """A FIFO; somebody writes these bytes to it once it is read."""
    os.mkfifo(path)
    if data is not None:
        threading.Thread(target=_write, args=(path, data), daemon=True).start()
    return path


def _write(path: Path, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        path.write_bytes(data)


def test_what_comes_out_can_be_read_again_and_again(tmp_path: Path) -> None:
    sound = clips.sound("s16.wav", "-c:a", "pcm_s16le")
    path = fifo(tmp_path / "speech", sound.read_bytes())
    with PipedInputs() as piped:
        file = piped.take(path)
        assert file.name == "speech"
        assert piped.is_taken(file)
        assert piped.take(path) == file  # twice in a command line: read once
        assert media.probe_audio(file).duration == 1
        assert len(media.read_audio(file).samples) == 16000
        assert piped.rename(f"{file}: no words in it") == f"{path}: no words in it"


def test_the_pipe_of_a_shell() -> None:
    """`<(…)` is a name in /dev/fd of an open pipe."""
    reading, writing = os.pipe()
    os.write(writing, b"1\n00:00:00,100 --> 00:00:00,500\nHi\n")
    os.close(writing)
    try:
        with PipedInputs() as piped:
            assert piped.take(Path(f"/dev/fd/{reading}")).read_bytes().startswith(b"1\n00:")
    finally:
        os.close(reading)


def test_a_file_on_standard_input_is_the_file(tmp_path: Path) -> None:
    """ffmpeg has its own standard input, in which nothing is."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"abc")
    with path.open() as file, PipedInputs() as piped:
        assert piped.take(Path(f"/dev/fd/{file.fileno()}")) == path.resolve()
    with tempfile.TemporaryFile() as nameless, PipedInputs() as piped:
        nameless.write(b"here")
        nameless.flush()
        assert piped.take(Path(f"/dev/fd/{nameless.fileno()}")).read_bytes() == b"here"


def test_ordinary_files_and_folders_are_left_alone(tmp_path: Path) -> None:
    with PipedInputs() as piped:
        (tmp_path / "a").touch()
        for path in (tmp_path, tmp_path / "a"):
            assert piped.take(path) is path


def test_nobody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "FIRST_S", 1.0)
    path = fifo(tmp_path / "p", None)
    with pytest.raises(MediaError, match=r"p: is a pipe that nobody writes to"), PipedInputs() as p:
        p.take(path)


def test_somebody_stops_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "FIRST_S", 0.5)
    monkeypatch.setattr(pipes, "IDLE_S", 2.0)
    for name, data in (("begun", b"abc"), ("never", b"")):
        path = fifo(tmp_path / name, None)
        writer = os.open(path, os.O_RDWR)
        os.write(writer, data)
        try:
            with (
                pytest.raises(MediaError, match="nothing came out of it for 2 s"),
                PipedInputs() as piped,
            ):
                piped.take(path)
        finally:
            os.close(writer)


def test_an_empty_pipe(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    try:
        with pytest.raises(MediaError, match="nothing came out"), PipedInputs() as piped:
            piped.take(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)


def test_an_endless_pipe_leaves_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "KEPT_FREE", 1 << 62)
    monkeypatch.setattr(pipes, "CHECK_EVERY", 4)
    path = fifo(tmp_path / "p", bytes(32 << 20))
    words = r"p: is a pipe that does not fit .*TMPDIR"
    with pytest.raises(MediaError, match=words), PipedInputs() as piped:
        piped.take(path)


def test_devices_and_addresses_are_one_line() -> None:
    with PipedInputs() as piped:
        with pytest.raises(MediaError, match="/dev/zero: is a device"):
            piped.take(Path("/dev/zero"))
        for address in ("https://example.com/a.mp4", "rtmp://example.com/live", "s3://b/a.wav"):
            with pytest.raises(MediaError, match=f"{address}: is a URL; download it first"):
                piped.take(Path(address))
        with pytest.raises(MediaError, match="gone: no such file"):
            piped.take(Path("gone"))


def test_errors_name_the_pipe_as_the_user_does(tmp_path: Path) -> None:
    path = fifo(tmp_path / "p", b"no sound at all")
    with pytest.raises(MediaError) as caught, PipedInputs() as piped:
        media.probe(piped.take(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_other_commands_say_that_they_want_a_file(tmp_path: Path) -> None:
    path = fifo(tmp_path / "p", None)
    for ask in (media.probe, media.probe_audio):
        with pytest.raises(MediaError, match="is a pipe; give a file"):
            ask(path)


def test_the_copy_of_a_killed_process_is_removed_by_the_next(own_temporary_folder: Path) -> None:
    script = (
        "import os, signal\n"
        "from lipsync.runtime.locked_folder import temporary_folder\n"
        "with temporary_folder('lipsync-pipe-') as folder:\n"
        "    (folder / 'stdin').write_bytes(bytes(1000)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "TMPDIR": str(own_temporary_folder)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    (left,) = own_temporary_folder.iterdir()
    paths = [fifo(own_temporary_folder.parent / name, b"abc") for name in ("p", "q")]
    with PipedInputs() as piped:
        copies = [piped.take(path) for path in paths]
        assert not left.exists()
        assert [copy.read_bytes() for copy in copies] == [b"abc", b"abc"]
