"""`lipsync train-mouth`."""

from __future__ import annotations

from lipsync.cli.console import print_line, print_result, show_progress
from lipsync.cli.parameters import AsJson, Flag, OptionsFile, OutputFile, Overwrite, VideoFile
from lipsync.options import MouthOptions
from lipsync.pipelines.train_decoder import train_mouth


def train_mouth_command(
    *,
    video: VideoFile,
    output: OutputFile = None,
    options: OptionsFile = None,
    resume: Flag = False,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    settings: MouthOptions | None = None,
) -> None:
    """Train a decoder of a person's mouth, for render --texture decoder.

    Parameters
    ----------
    video:
        Footage of the person, usually the target itself: at least some seconds, better a minute or
        more.
    output:
        The weights, for render --mouth-model. Default: VIDEO's name with .mouth.safetensors. The
        training log, .losses.csv, is written next to them.
    resume:
        Continue an interrupted run to the same output.
    """
    with show_progress() as report:
        result = train_mouth(
            video,
            output,
            options=settings,
            resume=resume,
            overwrite=overwrite,
            progress=report,
            tell=print_line,
        )
    print_result(result, result.output, as_json, result.warnings)
