"""Every command and every Python program in the documents works as it stands.

They are run in the order of their page, in a folder with the files that they name, on clips of
1.2 s; those of the guides in tests/test_guide_commands.py, beside these. What takes long, or needs
what a test has not, is parsed by the command's own parser, up to the point of work;
tests/support/document_commands.py lists which, and why.
"""

from __future__ import annotations

import argparse
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.document_commands import (
    COMPILED,
    OTHERS,
    PARSED,
    REPO,
    Command,
    commands,
    pages,
    programs,
)
from tests.support.document_runs import PAGES, identify, make_programs, run_command, run_page
from tests.support.document_world import make_world

ALL = [command for page in PAGES for command in commands(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if "guides" not in p.parts], ids=identify)
def test_commands_and_programs_of_a_page_work(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run_page(page, tmp_path, monkeypatch, capfd)


class ParsedError(Exception):
    """The arguments of a program were understood; its work would begin here."""


def parse_up_to_work(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a module or a script of ours until argparse has read its arguments."""
    real = argparse.ArgumentParser.parse_args

    def parse(self: argparse.ArgumentParser, *given: Any, **named: Any) -> None:
        real(self, *given, **named)
        raise ParsedError

    at = words.index("-m") + 1 if "-m" in words else 1
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", words[at:])
    monkeypatch.syspath_prepend(str(REPO / "scripts"))
    with pytest.raises(ParsedError):
        if "-m" in words:
            runpy.run_module(words[at], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(str(REPO / words[at]), run_name="__main__")


@pytest.mark.parametrize(
    "command", [c for c in ALL if c.reason and c.program not in OTHERS], ids=str
)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules.*:RuntimeWarning")
def test_commands_that_are_not_run_are_understood(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = command.words
    if words[0] == "lipsync":
        from lipsync.cli.app import app

        app.parse_args(words[1:], exit_on_error=False, print_error=False)
    elif words[0].startswith("scripts/"):
        assert os.access(REPO / words[0], os.X_OK)
        subprocess.run(["bash", "-n", str(REPO / words[0])], check=True)
    else:
        parse_up_to_work(words, monkeypatch)


def test_extras_that_are_installed_exist() -> None:
    text = (REPO / "pyproject.toml").read_text()
    section = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
    known = set(re.findall(r"^(\w+) = \[", section, re.MULTILINE))
    named = {e for c in ALL for e in re.findall(r"(?:\.|lipsync-render)\[(\w+)\]", c.text)}
    assert named
    assert named <= known


def test_the_lists_have_no_entry_that_is_not_needed() -> None:
    """A reason that no command has any more would hide the next one."""
    for pattern, _ in PARSED:
        assert any(re.search(pattern, command.text) for command in ALL), pattern
    texts = [text for page in pages() for _, text in programs(page)]
    for mark, _ in COMPILED:
        assert any(mark in text for text in texts), mark
    used = {command.program for command in ALL}
    assert set(OTHERS) <= used


@pytest.mark.filterwarnings("ignore:.*found in sys.modules.*:RuntimeWarning")
def test_a_command_that_does_not_work_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make_world(tmp_path, jobs=1)
    make_programs(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    wrong = Command(REPO / "README.md", 1, "lipsync render --audio none.wav --video person.mp4")
    with pytest.raises(AssertionError, match=r"none\.wav: no such file"):
        run_command(wrong, capfd, tmp_path / "bin")
    words = ["python", "-m", "training.corpus.prepare", "--no-such-option"]
    with pytest.raises(SystemExit):
        parse_up_to_work(words, monkeypatch)
