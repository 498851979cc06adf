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
from lipsync.pipelines.comparison import write_comparison
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.output_frames import OutputFrames
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.recipe import Recipe, find_changed
from lipsync.pipelines.render_parts import write_parts
from lipsync.pipelines.sheet_making import SheetPlan, fill_sheets, open_sheets, save_sheets
from lipsync.runtime.atomic import name_written
from lipsync.runtime.context import RunContext


def write_output(
    recipe: Recipe,
    paths: OutputPaths,
    marking: Marking,
    run: RunContext,
    *,
    sheets: Sequence[SheetPlan] = (),
    model: Any = None,
) -> tuple[FrameMaking, list[str]]:
    """Make all frames, encode them with their sound, mark the file, write sidecar and sheet.

    A file is made in parts, which an interrupted render leaves to the next one.

    Args:
        sheets: one per speaker, or none: what they are chosen from.
        model: of the texture, from `texture.load_model`.

    Returns:
        What made the frames, with its logs, and what the user should know of an earlier run.
    """
    form, notes = paths.output.format, []
    making = recipe.making(form, marking, model)
    read_again = not (form.pipe or form.frames)
    looking = [] if read_again else open_sheets(sheets)
    frames = OutputFrames(making, marking, looking, run)

    def seal(file: Path, digest: str | None = None) -> None:
        with run.timer.stage("marks"):
            record = recipe.describe_origin(find_changed(making), marking)
            marking.seal(file, record, paths.sidecar, digest)

    with run.timer.stage("encode"):
        if read_again:
            notes = write_parts(frames, recipe, paths.output, seal)
        else:
            _write_stream(frames, recipe, paths, seal)
    if paths.mask is not None:
        with run.timer.stage("mask"), name_written(paths.output.path):
            write_change_mask(paths.mask, paths.output.path, making, find_changed(making), run)
    if paths.compare is not None:
        with run.timer.stage("compare"), name_written(paths.output.path, paths.mask):
            write_comparison(paths.compare, paths.output.path, recipe, making, marking, run)
    if paths.sheet is not None:
        with run.timer.stage("sheet"), name_written(paths.output.path):
            if read_again:
                looking = open_sheets(sheets, making)
                fill_sheets(looking, paths.output.path, making)
            save_sheets(paths.sheet, looking, recipe, paths.output.path, marking)
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
