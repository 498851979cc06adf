"""Outputs that appear whole or not at all, and what killed processes leave beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lipsync.errors import OutputError
from lipsync.runtime.atomic import atomic_folder, atomic_write, name_written, record_outputs
from lipsync.runtime.leftovers import sweep_outputs

KILLED = """
import os, signal, sys
from pathlib import Path
from lipsync.runtime.atomic import atomic_folder, atomic_write

kind = atomic_folder if sys.argv[2] == "folder" else atomic_write
with kind(Path(sys.argv[1])) as temporary:
    (temporary / "1.png" if sys.argv[2] == "folder" else temporary).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def age(path: Path, seconds: float) -> None:
    for one in (path, *path.rglob("*")):
        os.utime(one, (one.stat().st_atime, one.stat().st_mtime - seconds))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_leaves_is_swept_when_it_is_surely_dead(
    kind: str, tmp_path: Path
) -> None:
    output = tmp_path / ("o.mp4" if kind == "file" else "frames")
    done = subprocess.run([sys.executable, "-c", KILLED, output, kind], check=False)
    assert done.returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(f".{output.stem}.")
    sweep_outputs(tmp_path)
    assert left.exists()  # just written, perhaps by somebody who signs it
    age(left, 3600)
    sweep_outputs(tmp_path)
    assert not left.exists()


@pytest.mark.parametrize(
    ("kind", "name"), [("file", "o.mp4"), ("folder", "frames"), ("folder", "f.1")]
)
def test_the_next_run_sweeps_what_was_left_of_the_same_output(
    kind: str, name: str, tmp_path: Path
) -> None:
    output, other = tmp_path / name, tmp_path / f"other-{name}"
    for one in (output, other):
        subprocess.run([sys.executable, "-c", KILLED, one, kind], check=False)
    with (atomic_write if kind == "file" else atomic_folder)(output):
        pass
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 2
    assert any(path.startswith(f".other-{name[0]}") for path in left)


def test_the_next_run_sweeps_what_was_left_while_it_was_signed(tmp_path: Path) -> None:
    (tmp_path / "..o.0123abcd.part.4567cdef.part.mp4").write_bytes(b"half")
    with atomic_write(tmp_path / "o.mp4") as temporary:
        temporary.write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_writing_an_output_sweeps_its_folder(tmp_path: Path) -> None:
    left = tmp_path / ".earlier.0123abcd.part.mp4"
    left.write_bytes(b"half")
    age(left, 3600)
    with atomic_write(tmp_path / "o.mp4") as temporary:
        temporary.write_bytes(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_what_a_living_process_writes_is_not_swept(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "o.mp4") as temporary, atomic_folder(tmp_path / "f") as folder:
        temporary.write_bytes(b"a long pause")
        age(temporary, 1e6)
        age(folder, 1e6)
        sweep_outputs(tmp_path)
        assert temporary.exists()
        assert folder.exists()
    assert (tmp_path / "o.mp4").read_bytes() == b"a long pause"


@pytest.mark.parametrize(
    "name",
    ["o.part.mp4", ".o.part.mp4", ".o.0123abcd.mp4", ".o.0123ABCD.part.mp4", "o.0123abcd.part"],
)
def test_files_of_others_stay(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"mine")
    age(tmp_path / name, 1e6)
    sweep_outputs(tmp_path)
    assert (tmp_path / name).exists()


def test_frames_put_aside_go_only_if_others_took_their_place(tmp_path: Path) -> None:
    former = [tmp_path / ".there.0123abcd.old", tmp_path / ".gone.0123abcd.old"]
    (tmp_path / "there").mkdir()
    for folder in former:
        folder.mkdir()
        (folder / "1.png").write_bytes(b"frame")
        age(folder, 1e6)
    sweep_outputs(tmp_path)
    assert [folder.exists() for folder in former] == [False, True]


def test_complete_outputs_are_recorded(tmp_path: Path) -> None:
    with record_outputs() as record:
        with atomic_write(tmp_path / "a.png") as temporary:
            temporary.write_bytes(b"whole")
        with pytest.raises(ValueError, match="stopped"), atomic_write(tmp_path / "b.png"):
            raise ValueError("stopped")
    assert record == [tmp_path / "a.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_error_names_what_was_written_before() -> None:
    line = r"^s.png: full; o.mp4 was written$"
    with pytest.raises(OutputError, match=line), name_written(Path("o.mp4"), None):
        raise OutputError("s.png: full")
