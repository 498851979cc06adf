"""Names of files on stderr and stdout, as they are; a stdout that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lipsync.cli import console
from lipsync.cli.app import main
from lipsync.errors import OutputError
from lipsync.report.results import MarksResult

RESULT = MarksResult(Path("o.mp4"), "absent", None, (), None)
NAMES = ["Talk [final cut].png", "clips [/b].png", "[red]x[/red] :smile:  two", "x" * 200 + " y"]


@pytest.mark.parametrize("name", NAMES)
def test_warnings_have_names_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_result(RESULT, Path(name), False, [f"{name}: is of another person"])
    said = capsys.readouterr()
    assert said.err == f"warning: {name}: is of another person\n"
    assert said.out == f"{name}\n"


def test_names_give_no_orders_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_line("a\x1b[2Jb\nc\x9b")
    assert capsys.readouterr().err == "a\\x1b[2Jb\\x0ac\\x9b\n"


def test_log_records_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    record = logging.LogRecord("x", logging.WARNING, "", 0, "of [%s]", ("b" * 100,), None)
    console.LogLines().emit(record)
    assert capsys.readouterr().err == f"warning: of [{'b' * 100}]\n"


@pytest.mark.parametrize("name", NAMES[:3])
def test_errors_have_names_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["marks", "verify", name])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"lipsync: error: {name}: ")


CODE = "import sys; from pathlib import Path; from lipsync.cli.console import print_out; "


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("name", ["été.mp4".encode(), b"caf\xe9.mp4"])
def test_a_path_has_the_bytes_of_the_file(encoding: str, name: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE + "print_out(Path(sys.argv[1]))", name],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.stdout == name + b"\n", done.stderr


def test_text_that_stdout_cannot_show_is_escaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE + "print_out('été caf\\udce9')"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.stdout == rb"\xe9t\xe9 caf\udce9" + b"\n"


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "arguments", [["cache", "info"], ["cache", "info", "--json"], ["--help"], ["--version"]]
)
def test_a_full_stdout_is_one_line(arguments: list[str]) -> None:
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lipsync", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        "lipsync: error: standard output cannot be written (No space left on device)\n"
    )


def test_what_was_written_is_named_where_stdout_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is lost with stdout, not the output."""

    def full(text: object) -> None:
        raise OutputError("standard output cannot be written (No space left on device)")

    monkeypatch.setattr(console, "print_out", full)
    with pytest.raises(OutputError, match=r"\); o\.mp4 was written$"):
        console.print_result(RESULT, Path("o.mp4"), False)


def test_a_name_that_no_library_takes_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lipsync.cli import app

    def fail(*_: object, **__: object) -> None:
        "caf\udce9.mp4".encode()

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as stopped:
        main(["render"])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is not UTF-8" in line
