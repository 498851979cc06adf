"""The commands of the face swap: `lipsync swap` and `lipsync faces extract`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from lipsync.cli.console import console, progress
from lipsync.options import ExtractOptions, SwapOptions
from lipsync.pipelines.extract_faces import extract as run_extract
from lipsync.pipelines.swap import agreed
from lipsync.pipelines.swap import swap as run_swap
from lipsync.pipelines.swap_preview import preview, seconds
from lipsync.report.results import as_text


def swap(
    *,
    source_faces: Path,
    video: Annotated[Path, Parameter(alias="-v")],
    model: Annotated[Path, Parameter(alias="-m")],
    consent: str | None = None,
    output: Annotated[str | None, Parameter(alias="-o", allow_leading_hyphen=True)] = None,
    preview_at: Annotated[tuple[str, Path] | None, Parameter(name="--preview", negative="")] = None,
    options: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    settings: SwapOptions | None = None,
) -> None:
    """Put one person's face in the place of another's, both of whom have agreed.

    Parameters
    ----------
    source_faces:
        The faces of the person who is to be seen, from `lipsync faces extract`.
    video:
        A video of the other person.
    model:
        Weights of training.face_autoencoder.train, learnt from these two people.
    consent:
        Who agreed to what. Required; kept in the result's record.
    output:
        The result: an .mp4, .mov, .mkv or .webm; frames/ or frames/%06d.png for a folder of PNG
        pictures and their sound. Default: VIDEO's name with .swap.mp4, beside it.
    preview_at:
        Instead of a video, write a PNG of one frame under a grid of choices: TIME PNG, for
        example 12.4s choices.png.
    options:
        A YAML file of options; what the command line says goes first.
    as_json:
        Print the result as one JSON object on stdout.
    overwrite:
        Replace the output if it exists.
    """
    allowed = agreed(consent)
    if preview_at is not None:
        at, picture = preview_at
        print(
            preview(
                source_faces, video, model, seconds(at), picture, consent=allowed, options=settings
            )
        )
        return
    with progress() as report:
        result = run_swap(
            source_faces,
            video,
            model,
            output,
            consent=allowed,
            options=settings,
            overwrite=overwrite,
            progress=report,
        )
    for warning in result.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False)
    print(as_text(result) if as_json else result.output)


faces = App(name="faces", help="Sets of faces, for training a face swap.")


@faces.command
def extract(
    *videos: Path,
    output: Annotated[Path, Parameter(alias="-o")],
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    settings: ExtractOptions | None = None,
) -> None:
    """Collect one person's faces from videos and pictures, and leave out what would teach wrong.

    Parameters
    ----------
    videos:
        Videos and pictures of one person.
    output:
        A folder: gets faces.zip, rejected.tsv (what was left out, and why) and report.png.
    as_json:
        Print the result as one JSON object on stdout.
    overwrite:
        Replace a set that is there already.
    """
    chosen = settings or ExtractOptions()
    with progress() as report:
        result = run_extract(
            list(videos),
            output,
            options=chosen.curation,
            landmark_options=chosen.landmarks,
            device=chosen.run.device,
            cache=chosen.run.cache,
            overwrite=overwrite,
            progress=report,
        )
    reasons = ", ".join(f"{count} {name}" for name, count in result.reasons.items())
    console.print(
        f"{result.kept} of {result.seen} faces kept"
        + (f"; rejected: {reasons}" if reasons else ""),
        highlight=False,
    )
    for line in result.missing:
        console.print(f"hardly any: {line}", highlight=False)
    print(as_text(result) if as_json else result.faces)
