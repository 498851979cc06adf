"""Completion in real shells: commands, options, what they take, files with odd names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from lipsync.cli.app import COMMANDS, main
from lipsync.cli.completion import PLACES, write_script

if sys.platform == "win32":
    pytest.skip("these shells are those of other systems", allow_module_level=True)

import pty
import select

PATIENCE_S = 60.0
PROMPT = "next> "
Shell = Literal["bash", "zsh", "fish"]
# What is typed (\t asks for completion), and the words that the command then gets.
TYPED = [
    ("lipsync rend\t--frame-ra\tconst\t", ["render", "--frame-rate", "constant"]),
    ("lipsync fac\tex\t--outp\t", ["faces", "extract", "--output"]),
    ("lipsync train-\t--mouth-inp\t", ["train-mouth", "--mouth-input"]),
    ("lipsync marks ver\tholi\t", ["marks", "verify", "holiday two.mp4"]),
    ("lipsync render --vid\tholi\t", ["render", "--video", "holiday two.mp4"]),
    ("lipsync render --outp\tholi\t", ["render", "--output", "holiday two.mp4"]),
    ("lipsync completion fi\t", ["completion", "fish"]),
]
STARTS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
SETUP = {
    "bash": "bind 'set enable-bracketed-paste off'; source '{script}'",
    "zsh": "fpath=('{folder}' $fpath); autoload -Uz compinit; compinit -u -d '{folder}/dump'; "
    "zstyle ':completion:*' insert-tab false",
}


@pytest.fixture(scope="module")
def script() -> Callable[[Shell], str]:
    """The script of a shell; written once, for it takes seconds."""
    known: dict[Shell, str] = {}
    return lambda shell: known.setdefault(shell, write_script(shell))


def need(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, command: list[str], folder: Path) -> None:
        """Start it in a folder."""
        child, self._handle = pty.fork()
        if child == 0:
            os.chdir(folder)
            os.environ.update(HOME=str(folder), PS1=PROMPT, TERM="dumb", HISTFILE="")
            os.execvp(command[0], command)  # noqa: S606 — no shell in between
        self._child, self._seen = child, b""

    def wait_for(self, text: str) -> str:
        """What is printed until a text comes; the next call goes on behind it."""
        until = time.monotonic() + PATIENCE_S
        while text.encode() not in self._seen:
            left = until - time.monotonic()
            ready = left > 0 and select.select([self._handle], [], [], left)[0]
            assert ready, f"no {text!r} in {self._seen!r}"
            self._seen += os.read(self._handle, 65536)
        told, _, self._seen = self._seen.partition(text.encode())
        return told.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._handle, text.encode())

    def close(self) -> None:
        """End it."""
        os.close(self._handle)
        os.waitpid(self._child, 0)


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_typing_a_part_and_tab_gives_the_whole(
    shell: Shell, script: Callable[[Shell], str], tmp_path: Path
) -> None:
    need(shell)
    (tmp_path / "holiday two.mp4").write_text("")
    place = tmp_path / ".completions"
    place.mkdir()
    (place / "_lipsync").write_text(script(shell))
    terminal = Terminal(STARTS[shell], tmp_path)
    try:
        setup = SETUP[shell].format(script=place / "_lipsync", folder=place)
        terminal.type(f"{setup}; lipsync() {{ printf '<%s>' \"$@\"; echo; }}; echo re''ady\r")
        terminal.wait_for("ready")
        terminal.wait_for(PROMPT)  # only now zsh reads keys
        for typed, words in TYPED:
            terminal.type(f"{typed}; echo do''ne\r")
            told = terminal.wait_for("done")
            terminal.wait_for(PROMPT)
            assert "".join(f"<{word}>" for word in words) in told, (typed, told)
    finally:
        terminal.close()


@pytest.mark.slow
def test_fish_completes(script: Callable[[Shell], str], tmp_path: Path) -> None:
    need("fish")
    (tmp_path / "holiday two.mp4").write_text("")
    (tmp_path / "lipsync.fish").write_text(script("fish"))
    for typed, words in TYPED:
        line, given = "lipsync", typed.split("\t")[:-1]
        for part, word in zip(given, words[len(words) - len(given) :], strict=True):
            before = " ".join([line, *part.removeprefix(line).split()[:-1]])
            asked = f"{before} {part.split()[-1]}"
            code = 'source lipsync.fish; complete -C "$argv[1]"'
            done = subprocess.run(
                ["fish", "--no-config", "-c", code, asked],
                cwd=tmp_path, capture_output=True, text=True, check=True,
                env={**os.environ, "HOME": str(tmp_path)},
            )  # fmt: skip
            found = [one.split("\t")[0].replace("\\ ", " ") for one in done.stdout.splitlines()]
            assert word in found, (asked, found)
            line = f"{before} {word}"


@pytest.mark.slow
@pytest.mark.parametrize("shell", sorted(PLACES))
def test_scripts_parse_and_know_every_command(
    shell: Shell, script: Callable[[Shell], str], tmp_path: Path
) -> None:
    text = script(shell)
    for command in COMMANDS:
        assert f"'{command}" in text or f" {command} " in text
    need(shell)
    (tmp_path / "script").write_text(text)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


@pytest.mark.slow
def test_the_command_prints_the_script_and_nothing_else(
    script: Callable[[Shell], str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["completion", "bash"])
    told = capsys.readouterr()
    assert told.out == script("bash")
    assert told.err == ""
    with pytest.raises(SystemExit) as stop:
        main(["completion", "tcsh"])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert '"bash", "zsh", "fish"' in line
