"""Target and result side by side, as a video with the output's sound, marked as the output is."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lipsync.marks.content_credentials import can_hold_credentials
from lipsync.marks.marking import Marking
from lipsync.marks.sidecar import sidecar_path
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.media.formats import Output
from lipsync.pipelines.finished_output import FinishedOutput
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.recipe import Recipe, find_changed
from lipsync.report.lettering import write_time
from lipsync.report.side_by_side import SideBySide, Titles
from lipsync.runtime.context import RunContext
from lipsync.types import U8, VideoInfo


def write_comparison(
    place: Path,
    output: Path,
    recipe: Recipe,
    making: FrameMaking,
    marking: Marking,
    run: RunContext,
) -> None:
    """Write the comparison of a complete output; an existing one is replaced.

    Args:
        making: that made the output.
        marking: of the output.

    Raises:
        OutputError: it cannot be written.
    """
    info, chosen, form = making.info, recipe.options.encode, Output.parse(place)
    identity = marking.identity if can_hold_credentials(form) else None
    own = replace(marking, output=form, identity=identity)

    def seal(file: Path) -> None:
        record = recipe.describe_origin(find_changed(making), own)
        own.seal(file, record, sidecar_path(place))

    drawing = open_drawing(making, marking)
    encode_video(
        draw_frames(output, making, drawing, run),
        resize(info, drawing),
        replace(recipe.sound, codec="auto"),
        form,
        EncodeOptions(crf=chosen.crf, preset=chosen.preset),
        tags=own.tags,
        finalize=seal,
    )


def open_drawing(making: FrameMaking, marking: Marking) -> SideBySide:
    """What draws the frames of a comparison."""
    scales = [
        float(np.median(np.sqrt(np.abs(np.linalg.det(one.head[:, :, :2].astype(np.float64))))))
        for one in making.drawings
    ]
    info = making.info
    titles = Titles("target", "result", marking.notice)
    return SideBySide(info.width, info.height, scales, titles, info.hdr and not info.tonemapped)


def draw_frames(
    output: Path, making: FrameMaking, drawing: SideBySide, run: RunContext
) -> Generator[U8, None, None]:
    """The comparison of every output frame, RGB (h, w, 3)."""
    times, to_rgb = making.drawings[0].times, making.coding.to_rgb
    for i, target, frame in FinishedOutput(output, making).pairs(range(len(making))):
        when = f"{write_time(float(times[i]))} · frame {i}"
        faces = [one.head[i] for one in making.drawings]
        yield drawing.draw(to_rgb(target), to_rgb(frame), faces, when)
        run.report("compare", i + 1, len(making))


def resize(info: VideoInfo, drawing: SideBySide) -> VideoInfo:
    """What describes the target, with the size of its comparison."""
    return replace(info, width=drawing.width, height=drawing.height)
