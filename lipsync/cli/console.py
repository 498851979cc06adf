"""Progress and messages on stderr, results on stdout.

Names of files are printed as they are: nothing in them is markup, no line is wrapped, and bytes
that are no text reach stdout unchanged.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from lipsync.errors import OutputError
from lipsync.runtime.atomic import name_written
from lipsync.types import Progress as Report

if TYPE_CHECKING:  # results are many modules
    from lipsync.report.results import Result

console = Console(stderr=True)


class CheckedStdout(io.TextIOBase):
    """Stdout for the parser, which prints help itself; raises as `print_out`."""

    def write(self, text: str) -> int:
        """Write text."""
        with _stdout_errors():
            print(text, end="")
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        flush_out()

    def isatty(self) -> bool:
        """Whether stdout is a terminal."""
        return sys.stdout is not None and sys.stdout.isatty()


help_console = Console(file=cast("IO[str]", CheckedStdout()))

# What would break a line, or tell a terminal to do something.
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class LogLines(logging.Handler):
    """Prints log records as lines on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        print_line(f"{record.levelname.lower()}: {record.getMessage()}", "yellow")


@contextmanager
def show_progress() -> Iterator[Report]:
    """A progress bar per stage on stderr; nothing where stderr is not a terminal."""
    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def print_line(text: str, style: str = "") -> None:
    """A line on stderr as it is, not wrapped; where stderr is closed or full, nothing."""
    safe = text.translate(CONTROL).encode("utf-8", "backslashreplace").decode()
    with suppress(OSError):
        if console.is_terminal:
            console.print(Text(safe, style), soft_wrap=True)
        else:  # rich would count columns, and knows no bytes that its encoding lacks
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
            print(safe.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)


def print_out(text: str | Path) -> None:
    """A line on stdout: text, or a path with just the bytes that name the file.

    Raises:
        OutputError: stdout cannot be written.
    """
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:  # closed, or replaced by a caller in this process
        print(text)
        return
    data = os.fsencode(text) if isinstance(text, Path) else _encode(text)
    with _stdout_errors():
        sys.stdout.flush()
        stream.write(data + b"\n")
        stream.flush()


def _encode(text: str) -> bytes:
    """Text as stdout encodes it; names of files that are no text keep their bytes."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace")


def has_odd_bytes(text: str) -> bool:
    """Whether text holds bytes of a file's name that are no text."""
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def flush_out() -> None:
    """Make sure that all of stdout is out.

    Raises:
        OutputError: it cannot be written.
    """
    with _stdout_errors():
        if sys.stdout is not None:
            sys.stdout.flush()


def print_result(
    result: Result, path: Path | None, as_json: bool, warnings: Iterable[str] = ()
) -> None:
    """Warnings on stderr, then the result on stdout: as JSON, or the path that was written.

    Args:
        path: None: stdout has the output itself.

    Raises:
        OutputError: stdout cannot be written.
    """
    for warning in warnings:
        print_line(f"warning: {warning}", "yellow")
    written = getattr(result, "output", path)
    with name_written(written) if written is not None else nullcontext():
        if as_json:
            from lipsync.report.results import as_text

            print_out(as_text(result))
        elif path is not None:
            print_out(path)


@contextmanager
def _stdout_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Python would try to write the rest once more at the end, and complain.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(
            f"standard output cannot be written ({error.strerror or error})"
        ) from error
