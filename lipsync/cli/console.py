"""Progress and messages on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lipsync.report.results import Result, as_text
from lipsync.types import Progress as Report

console = Console(stderr=True)


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


def print_line(text: str) -> None:
    """A line on stderr, not wrapped."""
    console.print(text, highlight=False, soft_wrap=True)


def print_result(
    result: Result, path: Path | None, as_json: bool, warnings: Iterable[str] = ()
) -> None:
    """Warnings on stderr, then the result on stdout: as JSON, or the path that was written.

    Args:
        path: None: stdout has the output itself.
    """
    for warning in warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False)
    if as_json:
        print(as_text(result))
    elif path is not None:
        print(path)
