"""Make the frames of a render, encode and mark them, record what they were made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lipsync.marks.marking import Marking
from lipsync.media import encode
from lipsync.media.parts import split_frames
from lipsync.media.stdout_sink import StdoutSink
from lipsync.pipelines.change_mask import write_change_mask
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.output_frames import OutputFrames
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.recipe import Recipe, find_changed
from lipsync.pipelines.render_parts import write_parts
from lipsync.report.contact_sheet import ContactSheet
from lipsync.runtime.atomic import name_written
from lipsync.runtime.context import RunContext


def write_output(
    recipe: Recipe,
    paths: OutputPaths,
    marking: Marking,
    run: RunContext,
    *,
    sheets: Sequence[ContactSheet] = (),
    model: Any = None,
) -> tuple[FrameMaking, list[str]]:
    """Make all frames, encode them with their sound, mark the file, write sidecar and sheet.

    A file is made in parts, which an interrupted render leaves to the next one.

    Args:
        sheets: one per speaker, or none.
        model: of the texture, from `texture.load_model`.

    Returns:
        What made the frames, with its logs, and what the user should know of an earlier run.
    """
    form, notes = paths.output.format, []
    making = recipe.making(form, marking, model)
    frames = OutputFrames(making, marking, sheets, run)

    def seal(file: Path, digest: str | None = None) -> None:
        with run.timer.stage("marks"):
            record = recipe.describe_origin(find_changed(making), marking)
            marking.seal(file, record, paths.sidecar, digest)

    with run.timer.stage("encode"):
        if form.pipe or form.frames:
            _write_stream(frames, recipe, paths, seal)
        else:
            notes = write_parts(frames, recipe, paths.output, seal)
    if paths.mask is not None:
        with run.timer.stage("mask"), name_written(paths.output.path):
            write_change_mask(paths.mask, paths.output.path, making, find_changed(making), run)
    if paths.sheet is not None:
        with name_written(paths.output.path):
            sheets[0].save(paths.sheet, *sheets[1:])
    return making, notes


def _write_stream(
    frames: OutputFrames,
    recipe: Recipe,
    paths: OutputPaths,
    seal: Callable[[Path, str | None], None],
) -> None:
    """Encode all frames as they come: into a pipe, or a folder of pictures."""
    sink, marking, making = StdoutSink(), frames.marking, frames.making
    parts = split_frames(len(making), recipe.info.fps)
    with frames.run.timer.stage("appearance"):
        making.prepare(frames.run.cache)
    encode.encode_video(
        frames.make(parts), recipe.info, recipe.sound, paths.output, recipe.options.encode,
        tags=marking.tags, texts=marking.picture_texts, passthrough=recipe.passthrough,
        sink=sink.write,
        finalize=lambda file: seal(file, sink.sha256 if paths.output.format.pipe else None),
        frame_coding=making.coding,
    )  # fmt: skip
