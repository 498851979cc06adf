"""`lipsync swap`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lipsync.cli.console import print_line, print_out, print_result, show_progress
from lipsync.cli.parameters import AsJson, OptionsFile, OutputName, Overwrite, VideoFile
from lipsync.options import SwapOptions
from lipsync.pipelines.swap import swap
from lipsync.pipelines.swap_preview import parse_time, preview
from lipsync.pipelines.swap_setup import require_consent


def swap_command(
    *,
    source_faces: Path,
    video: VideoFile,
    model: Annotated[Path, Parameter(alias="-m")],
    consent: str | None = None,
    output: OutputName = None,
    preview_at: Annotated[tuple[str, Path] | None, Parameter(name="--preview", negative="")] = None,
    options: OptionsFile = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    settings: SwapOptions | None = None,
) -> None:
    """Replace a person's face with another person's, both of whom have agreed.

    Parameters
    ----------
    source_faces:
        Face set of the person whose face is shown, from `lipsync faces extract`.
    video:
        A video of the other person.
    model:
        Weights from training.face_autoencoder.train on these two people.
    consent:
        Who agreed to what. Required; stored in the result's sidecar.
    output:
        The result: an .mp4, .mov, .mkv or .webm; frames/ or frames/%06d.png for a folder of PNG
        pictures and their sound. Default: VIDEO's name with .swap.mp4, next to it.
    preview_at:
        Instead of a video, write a PNG of one frame under a grid of options: TIME PNG, for
        example 12.4s choices.png.
    """
    consent = require_consent(consent)
    if preview_at is not None:
        time, picture = preview_at
        at = parse_time(time)
        made = preview(source_faces, video, model, at, picture, consent=consent, options=settings)
        print_out(made)
        return
    with show_progress() as report:
        result = swap(
            source_faces,
            video,
            model,
            output,
            consent=consent,
            options=settings,
            overwrite=overwrite,
            progress=report,
        )
    print_line(f"marks: {result.marks}")
    print_result(result, result.output, as_json, result.warnings)
