"""Write the man page, man/lipsync.1, from the command line itself.

    python scripts/make_man_page.py [--check]

All commands, options, choices and defaults come from the program. With --check nothing is written,
and the exit code says whether the page is right.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from cyclopts import App  # noqa: E402
from cyclopts.argument import Argument  # noqa: E402

from lipsync._version import __version__  # noqa: E402
from lipsync.cli.app import COMMANDS, app  # noqa: E402

PAGE = REPO / "man" / "lipsync.1"
WIDTH = 76  # of lines of text, before hyphens become longer
MANY = 10  # options that a command shares with render, from which on they are named alone
KINDS = {Path: "PATH", int: "N", float: "NUMBER", str: "TEXT"}
EXAMPLES = (
    ("lipsync demo", "Render the bundled sample into the folder lipsync-demo."),
    ("lipsync render --audio speech.wav --video person.mp4", "Write person.lipsync.mp4."),
    (
        "lipsync render --audio speech.wav --video person.mp4 --dry-run",
        "Check everything, and estimate time, memory and disk.",
    ),
    ("lipsync doctor", "Say what is wrong with the installation, and what to do about it."),
    (
        "lipsync completion bash > ~/.local/share/bash-completion/completions/lipsync",
        "Have bash complete commands and options.",
    ),
)
EXITS = (
    ("0", "All is done."),
    ("1", "Something is wrong (doctor), or a bug, with its traceback."),
    ("2", "An error that you can fix; one line on stderr says how."),
    ("3", "Some jobs failed (batch); no marks (marks verify)."),
    ("4", "Altered marks (marks verify)."),
    ("129, 130, 143", "Ended by SIGHUP, Ctrl-C, SIGTERM; the same command goes on."),
)
VARIABLES = (
    ("LIPSYNC_FFMPEG", "The ffmpeg to run, instead of the one that is installed along."),
    ("LIPSYNC_API_KEYS", "Keys of the clients of lipsync serve, as NAME:KEY,NAME:KEY."),
    ("XDG_CACHE_HOME, XDG_CONFIG_HOME", "Folders of the cache and of the signing certificate."),
    ("TMPDIR", "The folder of temporary files."),
    ("OMP_NUM_THREADS", "Threads that networks and libraries use."),
)


def write_page() -> str:
    """The whole page, in the language of troff's man macros."""
    citation = (REPO / "CITATION.cff").read_text(encoding="utf-8")
    date = re.search(r"^date-released: (\S+)$", citation, re.MULTILINE)
    render = [describe_option(one) for one in list_options(app["render"])]
    lines = [
        '.\\" Written by scripts/make_man_page.py: change the program, not this page.',
        f'.TH LIPSYNC 1 {date[1] if date else ""} "lipsync {__version__}" "User Commands"',
        ".SH NAME",
        f"lipsync \\- {escape('make the person in a video speak')}",
        ".SH SYNOPSIS",
        ".B lipsync",
        "\\fICOMMAND\\fR [\\fIOPTIONS\\fR]",
        ".SH DESCRIPTION",
        *wrap(app.help),
        ".PP",
        *wrap("Logs and progress go to stderr, results to stdout; with --json as one JSON object."),
        ".SH OPTIONS",
        *tagged("\\-\\-help, \\-h", "Tell of a command and its options."),
        *tagged("\\-\\-version", "Print the version and the commit it was made from."),
        ".SH COMMANDS",
    ]
    for name in COMMANDS:
        for words, command in list_commands(name, app[name]):
            lines += write_command(words, command, render if name != "render" else [])
    for title, rows in (("EXIT STATUS", EXITS), ("ENVIRONMENT", VARIABLES), ("EXAMPLES", EXAMPLES)):
        lines.append(f".SH {title}")
        for tag, text in rows:
            lines += tagged(escape(tag), text)
    lines += [".SH SEE ALSO", "\\fBffmpeg\\fR(1)"]
    return "\n".join(line for line in lines if line) + "\n"


def list_commands(words: str, command: App) -> Iterator[tuple[str, App]]:
    """A command, or those that it consists of, with the words that call them."""
    if command.default_command is not None:
        yield words, command
    for name in command:
        if not name.startswith("-"):
            yield from list_commands(f"{words} {name}", command[name])


def write_command(words: str, command: App, known: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The section of one command.

    Args:
        known: options of render, of which those that this command has too are named alone.
    """
    arguments = list_options(command)
    described = [describe_option(one) for one in arguments]
    shared = [one for one in described if one in known]
    if len(shared) < MANY:
        shared = []
    places = [place for place, _ in described if not place.startswith("\\fB\\-")]
    yield f".SS {' '.join(['lipsync', escape(words), *places, '[OPTIONS]'])}"
    yield from write_prose(inspect.getdoc(command.default_command) or "")
    for place, text in described:
        if (place, text) not in shared:
            yield from tagged(place, text)
    if shared:
        yield ".PP"
        yield "As for lipsync render:"
        yield ",\n".join(place for place, _ in shared) + "."


def list_options(command: App) -> list[Argument]:
    """What a command takes, as its help shows it."""
    collection = command.assemble_argument_collection(parse_docstring=True)
    return [one for one in collection if one.show]


def describe_option(argument: Argument) -> tuple[str, str]:
    """How it is given, in troff, and what it does, as text."""
    names = [name for name in argument.names if not name.startswith("--empty-")]
    hint, kind = argument.hint, ""
    many = typing.get_origin(hint) in (tuple, list)
    choices = argument.get_choices()
    if choices:
        kind = "|".join(choices)
    elif hint is not bool:
        parts = typing.get_args(hint) if many or isinstance(hint, types.UnionType) else (hint,)
        kind = next((KINDS[one] for one in parts if one in KINDS), "TEXT")
    kind = f"\\fI{escape(kind)}{'...' if many else ''}\\fR" if kind else ""
    if argument.index is not None:
        place = f"\\fI{escape(names[0].lstrip('-').upper())}{'...' if many else ''}\\fR"
    else:
        place = ", ".join(f"\\fB{escape(name)}\\fR" for name in names) + (kind and f" {kind}")
    default = argument.field_info.default
    text = " ".join((argument.parameter.help or "").split())
    if argument.required:
        text += " Required."
    elif isinstance(default, bool) and any(name.startswith("--no-") for name in names):
        text += f" Default: {'on' if default else 'off'}."
    elif not isinstance(default, bool) and default not in (None, (), inspect.Parameter.empty, ""):
        text += f" Default: {default}."
    return place, text.strip()


def write_prose(docstring: str) -> Iterator[str]:
    """The paragraphs of a docstring before its parameters; indented ones stay as they are."""
    prose = re.split(r"\n+Parameters\n-+\n", docstring)[0].strip()
    for count, paragraph in enumerate(prose.split("\n\n")):
        if count:
            yield ".PP"
        if paragraph.startswith("    "):
            yield from (".nf", *(escape(line) for line in paragraph.splitlines()), ".fi")
        else:
            yield from wrap(paragraph)


def tagged(tag: str, text: str) -> Iterator[str]:
    """A paragraph with a tag, which is troff already."""
    yield from (".TP", tag, *wrap(text))


def wrap(text: str) -> list[str]:
    """Lines of a paragraph."""
    text = " ".join(text.split())
    return [escape(line) for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False)]


def escape(text: str) -> str:
    """Text in troff: hyphens that can be copied, nothing that is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "").replace("~", "\\(ti")
    text = text.replace("|", "|\\:")  # may be broken behind each bar
    text = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in text)
    return f"\\&{text}" if text[:1] in (".", "'") else text


def main() -> None:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check: bool = parser.parse_args().check
    page = write_page()
    if check and (not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page):
        sys.exit("man/lipsync.1 is not what the program says: run python scripts/make_man_page.py")
    if not check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
