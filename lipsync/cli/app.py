"""The command line: parse → options → one call of the API → message and exit code.

Exit codes: 0 done; 2 the user can mend it (one line says how); 130 interrupted; 143 terminated.
A bug of ours keeps its traceback.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, Token
from pydantic import ValidationError
from rich.logging import RichHandler

from lipsync._version import __version__
from lipsync.cli import face_commands
from lipsync.cli.console import console, progress
from lipsync.dialogue.spans import segment as one_segment
from lipsync.dialogue.speaker_parts import speaker_of
from lipsync.errors import LipsyncError, OptionsError
from lipsync.options import (
    Composed,
    MouthOptions,
    PersonOptions,
    RenderOptions,
    SwapOptions,
    read_options,
    validation_line,
)
from lipsync.pipelines.adapt import adapt as run_adapt
from lipsync.pipelines.adapt import described
from lipsync.pipelines.render import render as run_render
from lipsync.pipelines.train_decoder import train_mouth as run_train_mouth
from lipsync.report.results import as_text


def _options_file(app: App, commands: tuple[str, ...], arguments: Any) -> None:
    """Fill what the command line leaves open from the file given with --options."""
    file = next((a for a in arguments if a.names == ("--options",) and a.has_tokens), None)
    if file is None:
        return
    path = file.tokens[0].value
    kinds: dict[str, type[Composed]] = {"swap": SwapOptions, "train-mouth": MouthOptions}
    kind = kinds.get(commands[-1] if commands else "", RenderOptions)
    values = read_options(Path(path), kind)
    for argument in arguments:
        name = argument.keys[-1] if argument.keys else None
        if name in values and not argument.has_tokens:
            text = str(values[name])
            argument.append(Token(keyword=argument.name, value=text, source=path))


app = App(
    name="lipsync",
    help="Speech and a video of a person in; the video with the mouth speaking it out.",
    version=__version__,
    config=_options_file,
    result_action="return_value",
)

app.command(face_commands.swap)
app.command(face_commands.faces)


@app.command
def render(
    *,
    audio: Annotated[Path | None, Parameter(alias="-a")] = None,
    video: Annotated[Path, Parameter(alias="-v")],
    output: Annotated[str | None, Parameter(alias="-o", allow_leading_hyphen=True)] = None,
    speaker: tuple[str, ...] = (),
    spans: Path | None = None,
    segment: str | None = None,
    sheet: Path | None = None,
    plot: Path | None = None,
    sidecar: Path | None = None,
    options: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    settings: RenderOptions | None = None,
) -> None:
    """Make the person in a video speak.

    Parameters
    ----------
    audio:
        The speech: any file with sound that ffmpeg reads.
    video:
        The person: any video that ffmpeg reads, or a still picture.
    speaker:
        One of several speakers, as NAME=AUDIO:FACE (FACE as in --face); may be given repeatedly.
    spans:
        Where somebody speaks: a .srt, .vtt or .json file. Everything else stays as it is, and the
        speech lies on the video's time line.
    segment:
        The same for one span, as 10s-25s or 1:02.5-1:10.
    output:
        The result: an .mp4, .mov, .mkv or .webm; frames/ or frames/%06d.png for a folder of PNG
        pictures and their sound; - for Matroska on stdout. Default: VIDEO's name with
        .lipsync.mp4, beside it.
    sheet:
        Also write a contact sheet (PNG): target, result and close-ups of both mouths.
    plot:
        Also write a picture (PNG) of the speech, the head's motion and the frames chosen for it.
    sidecar:
        Where the JSON file goes that tells what was made of what. Default: beside the result.
    options:
        A YAML file of options; what the command line says goes first.
    as_json:
        Print the result as one JSON object on stdout.
    overwrite:
        Replace the output if it exists.
    """
    piped = output == "-"
    if piped and as_json:
        raise OptionsError("--json and --output - both want stdout; choose one of them")
    if spans is not None and segment is not None:
        raise OptionsError("--spans and --segment: give one of the two")
    with progress() as report:
        result = run_render(
            audio=audio,
            video=video,
            output=output,
            speakers=[speaker_of(text) for text in speaker],
            spans=[one_segment(segment)] if segment is not None else spans,
            sheet=sheet,
            plot=plot,
            sidecar=sidecar,
            options=settings,
            overwrite=overwrite,
            progress=report,
        )
    if settings is None or settings.adapt.adapt != "never":
        console.print(result.adaptation, highlight=False, soft_wrap=True)
    for warning in result.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False)
    if as_json:
        print(as_text(result))
    elif not piped:
        print(result.output)


@app.command
def adapt(
    *,
    video: Annotated[Path, Parameter(alias="-v")],
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    settings: PersonOptions | None = None,
) -> None:
    """Adapt the speech model to a person, by footage in which they speak.

    Parameters
    ----------
    video:
        The person speaking, sound and picture in sync: 10 s of speech or more.
    output:
        The weights, for render --adapt. Default: VIDEO's name with .person.safetensors.
    as_json:
        Print the result as one JSON object on stdout.
    overwrite:
        Replace the output if it exists.
    """
    with progress() as report:
        result = run_adapt(video, output, options=settings, overwrite=overwrite, progress=report)
    console.print(f"adapted: {described(result)}", highlight=False, soft_wrap=True)
    if as_json:
        print(as_text(result))
    else:
        print(result.output)


@app.command(name="train-mouth")
def train_mouth(
    *,
    video: Annotated[Path, Parameter(alias="-v")],
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    options: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    settings: MouthOptions | None = None,
) -> None:
    """Train a decoder of a person's mouth, for render --texture decoder.

    Parameters
    ----------
    video:
        Footage of the person, usually the target itself: some seconds at least, a minute or more
        is better.
    output:
        The weights, for render --mouth-model. Default: VIDEO's name with .mouth.safetensors.
        Beside them the curve of the training, .losses.csv.
    options:
        A YAML file of options; what the command line says goes first.
    resume:
        Go on from where a run to the same output was stopped.
    as_json:
        Print the result as one JSON object on stdout.
    overwrite:
        Replace the output if it exists.
    """
    with progress() as report:
        result = run_train_mouth(
            video,
            output,
            options=settings,
            resume=resume,
            overwrite=overwrite,
            progress=report,
            tell=lambda line: console.print(line, highlight=False, soft_wrap=True),
        )
    for warning in result.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False)
    print(as_text(result) if as_json else result.output)


def _one_line(error: Exception) -> str:
    """What to tell the user; the parser may have wrapped a message of ours."""
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        return validation_line(cause)
    if isinstance(cause, LipsyncError):
        error = cause
    return " ".join(str(error).split())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    # A terminated run cleans up after itself as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    handler = RichHandler(console=console, show_path=False, show_time=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except (LipsyncError, CycloptsError) as error:
        print(f"lipsync: error: {_one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print(f"lipsync: {stop or 'interrupted; nothing was written'}", file=sys.stderr)
        sys.exit(130)
