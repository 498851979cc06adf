"""`lipsync render`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lipsync.cli.console import print_line, print_out, print_result, show_progress
from lipsync.cli.dry_run import describe_estimate
from lipsync.cli.parameters import (
    AsJson,
    Flag,
    OptionsFile,
    OutputName,
    Overwrite,
    SoundFile,
    VideoFile,
)
from lipsync.dialogue.spans import parse_segment
from lipsync.dialogue.speaker_parts import parse_speaker
from lipsync.errors import OptionsError
from lipsync.inspection.questions import QUESTIONS
from lipsync.options import RenderOptions
from lipsync.pipelines.estimate import estimate_render
from lipsync.pipelines.render import render
from lipsync.report.results import as_text


def render_command(
    *,
    audio: SoundFile = None,
    video: VideoFile,
    output: OutputName = None,
    speaker: tuple[str, ...] = (),
    spans: Path | None = None,
    segment: str | None = None,
    sheet: Path | None = None,
    plot: Path | None = None,
    sidecar: Path | None = None,
    report: Path | None = None,
    mask: Path | None = None,
    compare: Path | None = None,
    options: OptionsFile = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    dry_run: Flag = False,
    settings: RenderOptions | None = None,
) -> None:
    """Make the person in a video speak.

    Parameters
    ----------
    audio:
        The speech: any file with sound that ffmpeg reads, or a pipe; - for standard input.
    video:
        The person: any video that ffmpeg reads, or a still picture.
    speaker:
        One of several speakers, as NAME=AUDIO:FACE (FACE as in --face); can be repeated.
    spans:
        When the speech is heard: a .srt, .vtt, .ttml or .json file, also those of dubbing
        programs. Everything else stays unchanged, and the speech is placed on the video's
        timeline.
    segment:
        The same for one span, as 10s-25s or 1:02.5-1:10.
    output:
        The result: an .mp4, .mov, .mkv or .webm; frames/ or frames/%06d.png for a folder of PNG
        pictures and their sound; - for Matroska on stdout. Default: VIDEO's name with
        .lipsync.mp4, next to it.
    sheet:
        Also write a contact sheet (PNG): telling moments of target and result, with close-ups
        of both mouths.
    plot:
        Also write a picture (PNG) of the speech, the head's motion and the frames chosen for it.
    sidecar:
        The JSON file that records inputs, models and options. Default: next to the result.
    report:
        Also inspect the result as lipsync inspect does, and write its page (.html).
    mask:
        Also write a video that is white where the result's pixels are new, else black.
    compare:
        Also write a video of target and result side by side, with both mouths enlarged below and
        the result's sound.
    dry_run:
        Check everything and estimate time, memory and disk, but write nothing.
    """
    piped = output == "-"
    if piped and as_json:
        raise OptionsError("--json and --output - both want stdout; choose one of them")
    if spans is not None and segment is not None:
        raise OptionsError("--spans and --segment: give one of the two")
    arguments: dict[str, Any] = {
        "audio": audio,
        "video": video,
        "output": output,
        "speakers": [parse_speaker(text) for text in speaker],
        "spans": [parse_segment(segment)] if segment is not None else spans,
        "sheet": sheet,
        "plot": plot,
        "sidecar": sidecar,
        "report": report,
        "mask": mask,
        "compare": compare,
        "options": settings,
        "overwrite": overwrite,
    }
    if dry_run:
        estimate = estimate_render(**arguments)
        for warning in estimate.warnings:
            print_line(f"warning: {warning}", "yellow")
        print_out(as_text(estimate) if as_json else "\n".join(describe_estimate(estimate)))
        return
    with show_progress() as progress:
        result = render(**arguments, progress=progress)
    if settings is None or settings.adapt.adapt != "never":
        print_line(result.adaptation)
    print_line(f"marks: {result.marks}")
    for seconds, question in result.look_at:
        print_line(f"look at {seconds:.2f} s: {QUESTIONS[question].text}")
    print_result(result, None if piped else result.output, as_json, result.warnings)
