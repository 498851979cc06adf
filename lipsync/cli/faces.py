"""`lipsync faces extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from lipsync.cli.console import print_line, print_result, show_progress
from lipsync.cli.parameters import AsJson, Flag
from lipsync.options import ExtractOptions
from lipsync.pipelines.extract_faces import extract_faces

faces = App(name="faces", help="Face sets, for training a face swap.")


@faces.command(name="extract")
def extract_command(
    *videos: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    as_json: AsJson = False,
    overwrite: Flag = False,
    settings: ExtractOptions | None = None,
) -> None:
    """Collect a person's faces from videos and pictures, and reject poor training data.

    Parameters
    ----------
    videos:
        Videos and pictures of one person.
    output:
        A folder: gets faces.zip, rejected.tsv (what was left out, and why) and report.png.
    overwrite:
        Replace an existing set.
    """
    with show_progress() as report:
        result = extract_faces(
            videos, output, options=settings, overwrite=overwrite, progress=report
        )
    reasons = ", ".join(f"{count} {name}" for name, count in result.reasons.items())
    rejected = f"; rejected: {reasons}" if reasons else ""
    print_line(f"{result.kept} of {result.seen} faces kept{rejected}")
    for line in result.missing:
        print_line(f"hardly any: {line}")
    print_result(result, result.faces, as_json)
