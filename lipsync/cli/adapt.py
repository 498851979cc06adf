"""`lipsync adapt`."""

from __future__ import annotations

from lipsync.cli.console import print_line, print_result, show_progress
from lipsync.cli.parameters import AsJson, OutputFile, Overwrite, VideoFile
from lipsync.options import PersonOptions
from lipsync.pipelines.adapt import adapt, describe_result


def adapt_command(
    *,
    video: VideoFile,
    output: OutputFile = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    settings: PersonOptions | None = None,
) -> None:
    """Adapt the speech model to a person, from footage in which they speak.

    Parameters
    ----------
    video:
        The person speaking, audio and video in sync: 10 s of speech or more.
    output:
        The weights, for render --adapt. Default: VIDEO's name with .person.safetensors.
    """
    with show_progress() as report:
        result = adapt(video, output, options=settings, overwrite=overwrite, progress=report)
    print_line(f"adapted: {describe_result(result)}")
    print_result(result, result.output, as_json)
