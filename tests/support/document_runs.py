"""Running what a page of the documents says, step by step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lipsync.cli import main
from lipsync.media import ffmpeg_binary
from tests.support.document_commands import (
    OTHERS,
    REPO,
    Command,
    commands,
    pages,
    programs,
    reason_to_compile,
)
from tests.support.document_world import make_world

PAGES = [page for page in pages() if any(commands(page)) or any(programs(page))]
# Recipes that begin anew each time: a folder for each.
APART = {REPO / "docs" / "pipelines.md"}


def identify(page: Path) -> str:
    """A page's path in the repository."""
    return str(page.relative_to(REPO))


def make_programs(folder: Path) -> None:
    """Programs for pipes: lipsync of this Python, the bundled ffmpeg, a player that is silent."""
    texts = {
        "lipsync": f'exec "{sys.executable}" -m lipsync "$@"',
        "ffmpeg": f'exec "{ffmpeg_binary()}" -nostdin -v error "$@"',
        "ffplay": "cat >/dev/null",
    }
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


def run_page(
    page: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Run the commands and programs of a page, in a folder with the files that they name."""
    make_programs(folder / "bin")
    steps = steps_of(page, folder / "bin", capfd)
    if not steps:
        pytest.skip("nothing in it is run")
    for number, (_, step) in enumerate(steps):
        if number == 0 or page in APART:
            place = folder / str(number)
            place.mkdir()
            make_world(place, jobs=3 if page.name == "batch.md" else 1)
            monkeypatch.chdir(place)
        step()


def steps_of(
    page: Path, programs_folder: Path, capfd: pytest.CaptureFixture[str]
) -> list[tuple[int, Callable[[], None]]]:
    """(line, what runs it) of what is run, in the order of the page; programs are compiled."""
    steps: list[tuple[int, Callable[[], None]]] = [
        (command.line, lambda c=command: run_command(c, capfd, programs_folder))
        for command in commands(page)
        if command.program not in OTHERS and command.reason is None
    ]
    for line, text in programs(page):
        code = compile(text, f"{page.name}:{line}", "exec")
        if reason_to_compile(text) is None:
            steps.append((line, lambda c=code: exec(c, {"__name__": "__main__"})))  # noqa: S102
    return sorted(steps, key=lambda one: one[0])


def run_command(command: Command, capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    """Run a command in this process; pipes and programs of others by a shell."""
    words = command.words
    capfd.readouterr()
    if "|" in words or words[0] != "lipsync":
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        shell = ["bash", "-o", "pipefail", "-c", command.text]
        place = os.environ | {"PATH": path, "PYTHONPATH": str(REPO)}
        code = subprocess.run(shell, env=place, check=False).returncode
    else:
        try:
            main(words[1:])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    said = capfd.readouterr()
    assert code == 0, f"{command}: exit code {code}\n{command.text}\n{said.out}{said.err}"
