"""Commands and programs in the documents: how they are found, and which of them are not run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
SHELL = ("sh", "bash", "console")  # languages of fenced blocks that hold commands
PLACEHOLDER = re.compile(r"<[^<>|]+>")  # <your videos>: a reader puts something there

# Lines that begin with one of these are commands; all others in a block are output or drawings.
OURS = ("lipsync", "python", "torchrun", "scripts/")
# Programs of others, and why a test does not run them.
OTHERS = {
    "apt": "installs packages of the system",
    "curl": "needs a running service; tests/jobs/service sends the same requests",
    "docker": "needs Docker; tests/test_docker.py checks the image's description",
    "echo": "writes into ComfyUI's folder; tests/comfyui loads the node",
    "open-dubbing": "a dubbing program of others",
    "pip": "needs a package index; names of extras are checked",
    "ray": "starts a cluster; tests/jobs/test_ray.py has one",
    "source": "the reader's shell",
}
# Commands of ours that are parsed by their own parser but not run; the first that matches counts.
PARSED: tuple[tuple[str, str], ...] = (
    (r"^torchrun|^python -m (training|bench)", "trains or measures for minutes to hours"),
    (r"^python scripts/make_(sample|gallery|how|footage|readme)", "renders for minutes"),
    (r"^scripts/", "installs, or runs the tests themselves; its syntax is checked"),
    (r"^lipsync demo", "renders the whole sample; tests/test_distribution.py runs it"),
    (r"^lipsync completion", "writes into the reader's home; tests/cli tries it in the shells"),
    (r"^lipsync doctor", "its exit code is of the machine; tests/cli/test_doctor.py runs it"),
    (r"^lipsync (serve|ui)\b", "runs until it is stopped; tests/jobs/service, tests/web start it"),
    (r"^lipsync train-mouth|--texture decoder", "needs half a minute of footage, trains minutes"),
    (r"^lipsync adapt|--adapt person", "needs ten seconds of speech; tests/cli adapts"),
    (r"^lipsync (faces|swap)", "needs minutes of footage and a trained model; tests/faceswap"),
    (r"--engine ray", "needs a cluster; tests/jobs/test_ray.py has one"),
    (r"--speech-model mine", "needs a model that was trained for hours"),
    (
        r"utterance_metadata|talk-mp4|dubbing_plan|translation\.json",
        "needs what a dubbing program wrote; tests/dialogue reads such files",
    ),
)
# Python in the documents that is compiled but not run, by a line of it.
COMPILED: tuple[tuple[str, str], ...] = (
    ("from sync import Sync", "needs a running service; tests/jobs/service uses the client"),
    ("sound = queue.Queue()", "waits for sound from elsewhere; tests/live streams"),
    ("microphone", "waits for a microphone; tests/speech streams"),
    ("live = LiveArticulation", "goes on from the program above it"),
)


@dataclass(frozen=True)
class Command:
    """A command in a document."""

    page: Path
    line: int
    text: str  # as a shell takes it, comments included

    @property
    def program(self) -> str:
        """Its first word."""
        return self.text.split()[0]

    @property
    def words(self) -> list[str]:
        """What its program is given, the program first; placeholders are one word each.

        Where its output goes is the shell's to know.
        """
        words = shlex.split(PLACEHOLDER.sub("placeholder", self.text), comments=True)
        return words[: words.index(">")] if ">" in words else words

    @property
    def reason(self) -> str | None:
        """Why it is parsed only; None: it is run."""
        return next((why for pattern, why in PARSED if re.search(pattern, self.text)), None)

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPO)}:{self.line}"


def pages() -> list[Path]:
    """The documents; pages of figures have no commands of their own."""
    named = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "assets/README.md")
    written = [p for p in sorted((REPO / "docs").rglob("*.md")) if "benchmarks" not in p.parts]
    return [*(REPO / name for name in named), *written]


def blocks(page: Path) -> Iterator[tuple[str, int, list[str]]]:
    """(language, first line's number, lines) of every block of code; indented: language ''."""
    lines = page.read_text(encoding="utf-8").splitlines()
    i = 0
    while i < len(lines):
        fence = re.match(r"```(\w*)", lines[i])
        if fence:
            end = next(j for j in range(i + 1, len(lines)) if lines[j].startswith("```"))
            yield fence[1] or "text", i + 2, lines[i + 1 : end]
            i = end + 1
        elif lines[i].startswith("    ") and (i == 0 or not lines[i - 1].strip()):
            end = i
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            yield "", i + 1, [line[4:] for line in lines[i:end]]
            i = end
        else:
            i += 1


def commands(page: Path) -> Iterator[Command]:
    """The commands of a page, in their order."""
    for language, first, lines in blocks(page):
        if language not in ("", *SHELL):
            continue
        i = 0
        while i < len(lines):
            start = i
            if not re.match(r"[\w./-]+", lines[i]) or not is_command(lines[i]):
                i += 1
                continue
            text = lines[i]
            while _goes_on(text) and i + 1 < len(lines):
                i += 1
                text = text.removesuffix("\\").rstrip() + "\n"[: not text.endswith("\\")]
                text += (" " if not text.endswith("\n") else "") + lines[i].strip()
            yield Command(page, first + start, text)
            i += 1


def is_command(line: str) -> bool:
    """Whether a line of a block is a command, of ours or of others."""
    word = line.split()[0] if line.split() else ""
    return word in OURS or word in OTHERS or word == "ffmpeg" or word.startswith("scripts/")


def _goes_on(text: str) -> bool:
    """Whether the next line belongs to this command."""
    if text.endswith(("\\", "|")):
        return True
    try:
        shlex.split(text, comments=True)
    except ValueError:  # a quotation that is still open
        return True
    return False


def programs(page: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of the Python programs of a page."""
    for language, first, lines in blocks(page):
        python = language == "python" or (language == "" and _looks_like_python(lines))
        if python:
            yield first, "\n".join(lines) + "\n"


def _looks_like_python(lines: list[str]) -> bool:
    return any(re.match(r"(from [\w.]+ )?import \w+", line) for line in lines)


def reason_to_compile(text: str) -> str | None:
    """Why a program is compiled only; None: it is run."""
    return next((why for mark, why in COMPILED if mark in text), None)
