"""`lipsync inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lipsync.cli.console import print_out, print_result, show_progress
from lipsync.cli.parameters import AsJson, Overwrite
from lipsync.options import InspectOptions
from lipsync.pipelines.inspect import inspect
from lipsync.report.results import InspectResult


def inspect_command(
    video: Path,
    /,
    *,
    source: Path | None = None,
    reference: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    report: Path | None = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    settings: InspectOptions | None = None,
) -> None:
    """Look for evidence that a video was made, and read the marks it carries.

    Parameters
    ----------
    video:
        The video to inspect.
    source:
        The recording that it may have been made from: shown beside it in the report.
    reference:
        Pictures of the person whom it is said to show.
    report:
        Also write a page (.html, one file) with the evidence: timeline, worst moments, marks.
    """
    with show_progress() as progress:
        result = inspect(
            video,
            source=source,
            reference=reference,
            report=report,
            options=settings,
            overwrite=overwrite,
            progress=progress,
        )
    if not as_json:
        for line in describe_inspection(result):
            print_out(line)
    print_result(result, result.report, as_json, result.warnings)


def describe_inspection(result: InspectResult) -> list[str]:
    """An inspection in a few lines."""
    if result.likelihood is None:
        verdict = "whether it was made cannot be told"
    else:
        word = "made" if result.made else "no evidence that it was made"
        verdict = (
            f"{word}: likelihood {result.likelihood:.2f} (called made from {result.threshold:.2f})"
        )
        if result.way is not None:
            verdict += f"; most likely {result.way}"
    lines = [f"{result.video}: {verdict}", f"measured against {result.against}"]
    for answer in result.answers:
        score = "   –  " if answer.z is None else f"{answer.z:+6.1f}"
        lines.append(f"{score}  {answer.text} {answer.words}")
        lines += [f"          {m.z:+.1f} at {m.time:.2f} s" for m in answer.moments]
    lines += [f"mark {one['name']}: {one['state']}: {one['words']}" for one in result.marks]
    return lines
