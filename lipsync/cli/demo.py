"""`lipsync demo`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lipsync.cli.console import print_line, print_out, print_result, show_progress
from lipsync.cli.parameters import AsJson, Overwrite
from lipsync.errors import MediaError
from lipsync.marks.sidecar import hash_output, read_sidecar
from lipsync.options import RenderOptions
from lipsync.pipelines.render import render
from lipsync.report.results import RenderResult
from lipsync.runtime.atomic import os_errors_as_output_errors
from lipsync.runtime.checkpoint import asset_path
from lipsync.runtime.hashing import hash_file

FOLDER = Path("lipsync-demo")
TARGET, SPEECH = "sample/target.mp4", "sample/speech.wav"
VIDEO, SHEET = "demo.mp4", "demo.png"
WHAT_TO_LOOK_AT = """
Watch the video with its sound. Head, eyes and collar are the target's own; the mouth speaks other
words. On the sheet: do the lips close where the speech closes them? Are the teeth steady from frame
to frame? Is there a visible border around the new mouth?"""


def demo_command(
    *,
    output: Annotated[Path, Parameter(alias="-o")] = FOLDER,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    settings: Annotated[RenderOptions | None, Parameter(show=False)] = None,
) -> None:
    """Render the bundled sample: an animated portrait speaks other words.

    Options of lipsync render are taken too, such as --candidates 10.

    Parameters
    ----------
    output:
        Folder of the results, made if it is not there; what an earlier demo wrote is replaced.
    """
    target, speech = asset_path(TARGET), asset_path(SPEECH)
    video, sheet = output / VIDEO, output / SHEET
    with _folder(output), show_progress() as progress:
        result = render(
            speech,
            target,
            video,
            sheet=sheet,
            options=settings,
            overwrite=overwrite or _is_earlier_demo(video, target),
            progress=progress,
        )
    print_line(f"marks: {result.marks}")
    print_result(result, None, as_json, result.warnings)
    if not as_json:
        print_out("\n".join(_describe(result, target)))


@contextmanager
def _folder(place: Path) -> Iterator[None]:
    """Make a folder if it is not there; it goes again if nothing gets into it.

    Raises:
        OutputError: it cannot be made.
    """
    with os_errors_as_output_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # something is in it
            place.rmdir()
        raise


def _is_earlier_demo(video: Path, target: Path) -> bool:
    """Whether a demo wrote a file, and nobody has changed it since: it can be made again."""
    try:
        record = read_sidecar(video)
        if record is None or not video.is_file():
            return False
        sources = {source.get("sha256") for source in record["inputs"].values()}
        written: bool = record["output"]["sha256"] == hash_output(video)
    except (MediaError, OSError, KeyError, AttributeError):
        return False
    return written and hash_file(target) in sources


def _describe(result: RenderResult, target: Path) -> list[str]:
    """Where everything is, and what to look at."""
    return [
        f"The video:          {result.output}",
        f"Its contact sheet:  {result.sheet}",
        f"What it declares:   {result.sidecar}",
        f"The target:         {target}",
        WHAT_TO_LOOK_AT,
    ]
