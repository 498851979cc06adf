"""`lipsync plan`, `lipsync shard` and `lipsync join`: one render, made by several machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from lipsync.cli.console import print_line, print_out, print_result, show_progress
from lipsync.cli.parameters import (
    AsJson,
    OptionsFile,
    OutputName,
    Overwrite,
    SoundFile,
    VideoFile,
)
from lipsync.dialogue.spans import parse_segment
from lipsync.dialogue.speaker_parts import parse_speaker
from lipsync.errors import OptionsError
from lipsync.jobs import shards
from lipsync.options import RenderOptions
from lipsync.report.results import as_text
from lipsync.runtime.wording import count_of


def plan_command(
    folder: Path,
    /,
    *,
    audio: SoundFile = None,
    video: VideoFile,
    output: OutputName = None,
    speaker: tuple[str, ...] = (),
    spans: Path | None = None,
    segment: str | None = None,
    sidecar: Path | None = None,
    options: OptionsFile = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    settings: RenderOptions | None = None,
) -> None:
    """Decide all of a render but make no frame, so that machines can share its frames.

    Parameters
    ----------
    folder:
        The plan: a new folder, where all of these machines can read and write.
    audio:
        The speech, as for lipsync render.
    video:
        The person, as for lipsync render; every machine reads it at the same path.
    speaker:
        One of several speakers, as NAME=AUDIO:FACE; can be repeated.
    spans:
        When the speech is heard: a .srt, .vtt or .json file.
    segment:
        The same for one span, as 10s-25s or 1:02.5-1:10.
    output:
        The result that lipsync join writes: an .mp4, .mov, .mkv or .webm.
    sidecar:
        The JSON file that records inputs, models and options. Default: next to the result.
    overwrite:
        Replace the plan if it exists.
    """
    if spans is not None and segment is not None:
        raise OptionsError("--spans and --segment: give one of the two")
    with show_progress() as progress:
        result = shards.plan_shards(
            audio, video, output,
            folder=folder,
            speakers=[parse_speaker(text) for text in speaker],
            spans=[parse_segment(segment)] if segment is not None else spans,
            sidecar=sidecar,
            options=settings,
            overwrite=overwrite,
            progress=progress,
        )  # fmt: skip
    print_line(f"{count_of(result.frames, 'frame')} in {count_of(result.parts, 'part')}")
    print_result(result, folder, as_json, result.warnings)


def shard_command(
    folder: Path,
    shard: str,
    /,
    *,
    workers: Annotated[int | None, Parameter()] = None,
    as_json: AsJson = False,
) -> None:
    """Make one shard of a planned render; what is finished is not made again.

    Parameters
    ----------
    folder:
        The plan.
    shard:
        Which shard, as 2/7. However many there are, the frames are the same.
    workers:
        Processes that make frames side by side. Default: as was planned.
    """
    chosen = shards.parse_shard(shard)
    with show_progress() as progress:
        result = shards.make_shard(folder, chosen, workers=workers, progress=progress)
    made, kept = count_of(result.made, "part"), count_of(result.kept, "part")
    line = f"shard {result.shard}: {made} made, {kept} finished before"
    print_out(as_text(result) if as_json else line)


def join_command(
    folder: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    sidecar: Path | None = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
) -> None:
    """Join the shards of a planned render, with its sound and its marks.

    Parameters
    ----------
    folder:
        The plan.
    output:
        The result. Default: as was planned.
    sidecar:
        The JSON file that records inputs, models and options. Default: as was planned.
    """
    with show_progress() as progress:
        result = shards.join_shards(
            folder, output, sidecar=sidecar, overwrite=overwrite, progress=progress
        )
    print_line(f"marks: {result.marks}")
    print_result(result, result.output, as_json, result.warnings)
