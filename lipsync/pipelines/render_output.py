"""Make the frames of a render, encode and mark them, record what they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.media import encode
from lipsync.media.frame_order import read_frames_in_order
from lipsync.media.stdout_sink import StdoutSink
from lipsync.options import RenderOptions
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.render_plan import OutputPlan, Script
from lipsync.pipelines.speaker_render import FrameLog, SpeakerRender
from lipsync.report import provenance
from lipsync.report.contact_sheet import ContactSheet, select_sheet_frames
from lipsync.runtime.context import RunContext
from lipsync.runtime.positions import runs_of_true
from lipsync.runtime.prefetch import read_ahead
from lipsync.types import U8, Bools, VideoInfo


@dataclass(frozen=True, eq=False)
class Written:
    """What was written, and what happened to its frames."""

    logs: list[FrameLog]  # one per speaker
    left_out: list[str]  # what of the target the output cannot hold

    @property
    def changed(self) -> Bools:
        """Output frames in which any mouth is new, (n,)."""
        return np.asarray(np.any([log.changed for log in self.logs], axis=0))


def write_output(
    script: Script,
    plan: OutputPlan,
    renders: list[SpeakerRender],
    paths: OutputPaths,
    options: RenderOptions,
    run: RunContext,
) -> Written:
    """Make all frames, encode them with their sound, mark the file, write sidecar and sheet."""
    timeline, timer = renders[0].scene.timeline, run.timer
    with timer.stage("retime"):
        form, straight = paths.output.format, timeline.retimed.straight
        passthrough, left = media.plan_passthrough(plan.info, form, plan.length.sound, straight)
    written = Written([FrameLog.empty(len(timeline)) for _ in renders], list(left))
    sheets = [_open_sheet(one) for one in renders] if paths.sheet is not None else []
    frames = make_frames(plan.info, renders, written.logs, sheets, options, run)
    sink = StdoutSink()

    def finalize(file: Path) -> None:
        provenance.embed_xmp(file, paths.output)
        if paths.sidecar is not None:
            digest = sink.sha256 if paths.output.format.pipe else None
            record = describe_origin(script, plan, renders, written, options)
            provenance.write_sidecar(
                record, paths.output.path, file, place=paths.sidecar, digest=digest
            )

    with timer.stage("encode"):
        encode.encode_video(
            frames, plan.info, plan.sound, paths.output, options.encode,
            tags=provenance.TAGS, texts=provenance.picture_texts(), passthrough=passthrough,
            sink=sink.write, finalize=finalize,
        )  # fmt: skip
    if paths.sheet is not None:
        sheets[0].save(paths.sheet, *sheets[1:])
    return written


def make_frames(
    info: VideoInfo,
    renders: list[SpeakerRender],
    logs: list[FrameLog],
    sheets: list[ContactSheet],
    options: RenderOptions,
    run: RunContext,
) -> Iterator[U8]:
    """The output's frames, one after the other; `logs` and `sheets` are filled in meanwhile."""
    timeline, timer = renders[0].scene.timeline, run.timer
    decoded = timer.each("decode", read_frames_in_order(info, timeline.retimed.timing))
    decoded = timer.each("wait", read_ahead(decoded))
    targets, frames = tee(decoded)  # both are drawn on in step: one frame is kept at most
    for one, log in zip(renders, logs, strict=True):  # each on top of what the one before made
        frames = one.apply(frames, log, options, run)
    for i, (target, frame) in enumerate(zip(targets, frames, strict=True)):
        for sheet, one in zip(sheets, renders, strict=bool(sheets)):
            sheet.add(i, target, frame, one.wanted.target.to_frame[i])
        yield frame
        run.report("render", i + 1, len(timeline))


def describe_origin(
    script: Script,
    plan: OutputPlan,
    renders: list[SpeakerRender],
    written: Written,
    options: RenderOptions,
) -> provenance.SidecarRecord:
    """What the output was made from, by which models, and which frames are new."""
    return provenance.SidecarRecord(
        inputs=script.inputs,
        models=list(dict.fromkeys(card for one in renders for card in one.model_cards())),
        options=options.flat(),
        frames=plan.length.frames,
        fps=plan.info.fps,
        changed=runs_of_true(written.changed),
        speakers=[part.describe() for part in plan.parts],
    )


def _open_sheet(one: SpeakerRender) -> ContactSheet:
    lips = one.lips_for_sheet()
    return ContactSheet(select_sheet_frames(lips), lips.rate)
