"""The man page: what the program says of itself, in a form that man and mandoc read."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lipsync._version import __version__
from lipsync.cli.app import COMMANDS, app

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "man" / "lipsync.1"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """scripts/make_man_page.py."""
    spec = importlib.util.spec_from_file_location(
        "make_man_page", REPO / "scripts" / "make_man_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def shown() -> str:
    """The page as man shows it, without line breaks."""
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    wide = {**os.environ, "MANWIDTH": "400", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    run = subprocess.run(["man", "-l", PAGE], capture_output=True, check=True, env=wide)
    return " ".join(run.stdout.decode().replace("\u2010", "-").split())


def test_it_is_what_the_program_says(maker: ModuleType) -> None:
    assert PAGE.read_text(encoding="utf-8") == maker.write_page(), (
        "run python scripts/make_man_page.py"
    )


def test_an_outdated_page_is_noticed(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker, "PAGE", tmp_path / "man" / "lipsync.1")
    monkeypatch.setattr(sys, "argv", ["make_man_page.py"])
    maker.main()
    monkeypatch.setattr(sys, "argv", ["make_man_page.py", "--check"])
    maker.main()
    maker.PAGE.write_text(maker.PAGE.read_text().replace("\\-\\-sheet", "\\-\\-picture"))
    with pytest.raises(SystemExit, match="make_man_page"):
        maker.main()


def test_it_is_in_the_language_of_man_pages() -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    lint = ["mandoc", "-T", "lint", "-W", "warning", PAGE]
    run = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_man_shows_every_command_and_option(maker: ModuleType) -> None:
    text = shown()
    assert f"lipsync {__version__}" in text
    for name in COMMANDS:
        for words, command in maker.list_commands(name, app[name]):
            begin = text.index(f" lipsync {words} ")
            assert begin > 0, words
            for argument in maker.list_options(command):
                if argument.index is None:
                    for option in argument.names:
                        assert option.startswith("--empty-") or option in text[begin:], option
    assert "Share of the way to the sharpness of the person's own mouth" in text
    assert "--silence close|rest|original" in text
    assert " Default: 64. " in text


@pytest.mark.parametrize(
    ("text", "troff"),
    [
        (".mp4 or so", "\\&.mp4 or so"), ("'quoted'", "\\&'quoted'"), ("a\\b", "a\\eb"),
        ("--no-cache", "\\-\\-no\\-cache"), ("1 × 2", "1 \\[u00D7] 2"), ("`adapt`", "adapt"),
    ],
)  # fmt: skip
def test_nothing_in_a_text_is_a_request(maker: ModuleType, text: str, troff: str) -> None:
    assert maker.escape(text) == troff
