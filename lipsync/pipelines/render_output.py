"""Make the frames of a render, encode and mark them, record what they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.marks.marking import Marking
from lipsync.marks.origin import (
    GENERATED_MOUTH,
    OriginRecord,
    derive_record_id,
    span_times,
)
from lipsync.marks.watermark import Watermark
from lipsync.media import encode
from lipsync.media.frame_order import read_frames_in_order
from lipsync.media.stdout_sink import StdoutSink
from lipsync.options import RenderOptions
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.render_plan import OutputPlan, Script
from lipsync.pipelines.speaker_render import FrameLog, SpeakerRender
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

    def is_changed(self, i: int) -> bool:
        """Whether any mouth in frame i is new; known when that frame has been made."""
        return any(bool(log.changed[i]) for log in self.logs)


def write_output(
    script: Script,
    plan: OutputPlan,
    renders: list[SpeakerRender],
    paths: OutputPaths,
    options: RenderOptions,
    run: RunContext,
    marking: Marking,
) -> Written:
    """Make all frames, encode them with their sound, mark the file, write sidecar and sheet."""
    timeline, timer = renders[0].scene.timeline, run.timer
    with timer.stage("retime"):
        form, straight = paths.output.format, timeline.retimed.straight
        passthrough, left = media.plan_passthrough(plan.info, form, plan.length.sound, straight)
    written = Written([FrameLog.empty(len(timeline)) for _ in renders], list(left))
    sheets = [_open_sheet(one) for one in renders] if paths.sheet is not None else []
    mark = marking.watermark()
    frames = make_frames(plan.info, renders, written.logs, sheets, options, run, mark)
    frames = marking.label(frames, written.is_changed, plan.info)
    sink = StdoutSink()

    def finalize(file: Path) -> None:
        with timer.stage("marks"):
            digest = sink.sha256 if paths.output.format.pipe else None
            record = describe_origin(script, plan, renders, written, options, marking)
            marking.seal(file, record, paths.sidecar, digest)

    with timer.stage("encode"):
        encode.encode_video(
            frames, plan.info, plan.sound, paths.output, options.encode,
            tags=marking.tags, texts=marking.picture_texts, passthrough=passthrough,
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
    mark: Watermark | None = None,
) -> Iterator[U8]:
    """The output's frames, one after the other; `logs` and `sheets` are filled in meanwhile."""
    timeline, timer = renders[0].scene.timeline, run.timer
    decoded = timer.each("decode", read_frames_in_order(info, timeline.retimed.timing))
    decoded = timer.each("wait", read_ahead(decoded))
    targets, frames = tee(decoded)  # both are drawn on in step: one frame is kept at most
    for one, log in zip(renders, logs, strict=True):  # each on top of what the one before made
        frames = one.apply(frames, log, options, run, mark)
    for i, (target, frame) in enumerate(zip(targets, frames, strict=True)):
        for sheet, one in zip(sheets, renders, strict=bool(sheets)):
            sheet.add(i, target, frame, one.wanted.target.to_frame[i])
        yield frame
        run.report("render", i + 1, len(timeline))


def identify_output(script: Script, options: RenderOptions) -> int:
    """The id of the output's record: the same whenever the same is made from the same."""
    chosen = options.decisive() | {"speakers": [part.describe() for part in script.parts]}
    return derive_record_id(GENERATED_MOUTH, script.inputs.values(), chosen)


def describe_origin(
    script: Script,
    plan: OutputPlan,
    renders: list[SpeakerRender],
    written: Written,
    options: RenderOptions,
    marking: Marking,
) -> OriginRecord:
    """What the output was made from, by which models, and which frames are new."""
    changed = list(runs_of_true(written.changed))
    return OriginRecord(
        record_id=marking.record_id,
        inputs=script.inputs,
        models=list(dict.fromkeys(card for one in renders for card in one.model_cards())),
        options=options.flat(),
        frames=plan.length.frames,
        fps=plan.info.fps,
        changed=changed,
        changed_s=span_times(plan.info, plan.length.frames, changed),
        statement=marking.statement,
        watermarked=marking.options.watermark,
        speakers=[part.describe() for part in plan.parts],
    )


def _open_sheet(one: SpeakerRender) -> ContactSheet:
    lips = one.lips_for_sheet()
    return ContactSheet(select_sheet_frames(lips), lips.rate)
