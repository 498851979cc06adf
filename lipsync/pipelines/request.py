"""What a render is asked to make, read and checked before any work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.dialogue.spans import Span
from lipsync.options import RenderOptions
from lipsync.pipelines.arguments import as_place, at_absolute_places, read_arguments
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.render_plan import Script, read_script
from lipsync.types import Speaker


@dataclass(frozen=True)
class RenderRequest:
    """A render that can be begun; its files are there, and its outputs can be written."""

    script: Script
    paths: OutputPaths
    options: RenderOptions


def read_request(
    piped: media.PipedInputs,
    audio: str | Path | None,
    video: str | Path,
    output: str | Path | None = None,
    *,
    speakers: Iterable[Speaker | str | Sequence[Any]] = (),
    spans: str | Path | Iterable[Span | Sequence[Any]] | None = None,
    sheet: str | Path | None = None,
    plot: str | Path | None = None,
    sidecar: str | Path | None = None,
    report: str | Path | None = None,
    mask: str | Path | None = None,
    compare: str | Path | None = None,
    options: RenderOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    absolute: bool = False,
) -> RenderRequest:
    """Read the arguments of a render; see `render` for what they mean.

    Args:
        piped: in which its pipes are read.
        absolute: with places that hold in every folder.

    Raises:
        LipsyncError: something the caller can mend.
    """
    given = read_arguments(piped, audio, video, output, speakers, spans, options)
    if absolute:
        given = at_absolute_places(given)
    script = read_script(given.audio, given.video, given.speakers, given.spans, given.options)
    named = {
        "sidecar": sidecar, "sheet": sheet, "plot": plot, "report": report, "mask": mask,
        "compare": compare,
    }  # fmt: skip
    places = {what: as_place(place, what) for what, place in named.items()}
    paths = OutputPaths.check(
        given.output, **places, inputs=script.inputs.values(), overwrite=overwrite
    )
    media.check_audio_codec(paths.output.format, given.options.encode.audio_codec)
    media.check_encoder(paths.output.format, given.options.encode.encoder)
    return RenderRequest(script, paths, given.options)
