"""Make the frames of a render, encode and mark them, record what they were made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync._version import __version__
from lipsync.marks.marking import Marking
from lipsync.marks.origin import (
    GENERATED_MOUTH,
    OriginRecord,
    derive_record_id,
    span_times,
    write_id,
)
from lipsync.media import encode
from lipsync.media.frame_coding import RGB, own_coding
from lipsync.media.parts import split_frames
from lipsync.media.passthrough import Passthrough
from lipsync.media.stdout_sink import StdoutSink
from lipsync.options import RenderOptions
from lipsync.pipelines.change_mask import write_change_mask
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.output_frames import OutputFrames
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.render_parts import write_parts
from lipsync.pipelines.render_plan import OutputPlan, Script
from lipsync.pipelines.speaker_drawing import FrameLog, SpeakerDrawing
from lipsync.pipelines.speaker_render import SpeakerRender
from lipsync.report.contact_sheet import ContactSheet, select_sheet_frames
from lipsync.runtime.atomic import name_written
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.context import RunContext
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.positions import runs_of_true
from lipsync.types import Bools

# What a frame depends on; the last are named in tables, where `digest_code` does not look.
FRAME_CODE = (
    "lipsync.pipelines.render_plan",
    "lipsync.pipelines.speaker_render",
    "lipsync.pipelines.part_making",
    "lipsync.media.parts",
    "lipsync.mouth.texture.median",
    "lipsync.mouth.decoder.decoder_texture",
)


@dataclass(frozen=True, eq=False)
class Written:
    """What was written, and what happened to its frames."""

    logs: list[FrameLog]  # one per speaker
    notes: list[str]  # what of the target the output cannot hold; parts of an earlier run

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
    marking: Marking,
) -> Written:
    """Make all frames, encode them with their sound, mark the file, write sidecar and sheet.

    A file is made in parts, which an interrupted render leaves to the next one.
    """
    timeline, timer = renders[0].scene.timeline, run.timer
    with timer.stage("retime"):
        form, straight = paths.output.format, timeline.retimed.straight
        passthrough, left = media.plan_passthrough(plan.info, form, plan.length.sound, straight)
    mark = marking.watermark()
    coding = RGB if form.frames or plan.info.depth > 8 else own_coding(plan.info)
    drawings = [
        SpeakerDrawing(one.drawing(options), plan.info, mark, coding, one.scene.texture_model)
        for one in renders
    ]
    sheets = [_open_sheet(one) for one in renders] if paths.sheet is not None else []
    written = Written([one.log for one in drawings], list(left))
    making = FrameMaking(plan.info, timeline.retimed.timing, drawings, coding)
    frames = OutputFrames(making, marking, sheets, run)

    def seal(file: Path, digest: str | None = None) -> None:
        with timer.stage("marks"):
            record = describe_origin(script, plan, renders, written, options, marking)
            marking.seal(file, record, paths.sidecar, digest)

    with timer.stage("encode"):
        if form.pipe or form.frames:
            _write_stream(frames, plan, paths, options, passthrough, seal)
        else:
            facts = list_facts(script, options, marking, len(timeline))
            notes = write_parts(
                frames, plan, paths.output, options.encode, passthrough, facts, seal,
                options.run.workers,
            )  # fmt: skip
            written.notes.extend(notes)
    if paths.mask is not None:
        with timer.stage("mask"), name_written(paths.output.path):
            write_change_mask(paths.mask, paths.output.path, making, written.changed, run)
    if paths.sheet is not None:
        with name_written(paths.output.path):
            sheets[0].save(paths.sheet, *sheets[1:])
    return written


def _write_stream(
    frames: OutputFrames,
    plan: OutputPlan,
    paths: OutputPaths,
    options: RenderOptions,
    passthrough: Passthrough | None,
    seal: Callable[[Path, str | None], None],
) -> None:
    """Encode all frames as they come: into a pipe, or a folder of pictures."""
    sink, marking, making = StdoutSink(), frames.marking, frames.making
    parts = split_frames(len(making), plan.info.fps)
    with frames.run.timer.stage("appearance"):
        making.prepare(frames.run.cache)
    encode.encode_video(
        frames.make(parts), plan.info, plan.sound, paths.output, options.encode,
        tags=marking.tags, texts=marking.picture_texts, passthrough=passthrough, sink=sink.write,
        finalize=lambda file: seal(file, sink.sha256 if paths.output.format.pipe else None),
        frame_coding=making.coding,
    )  # fmt: skip


def list_facts(
    script: Script, options: RenderOptions, marking: Marking, frames: int
) -> dict[str, str]:
    """What decides an output's frames, by names that a user knows."""
    facts = {role: hash_file(path) for role, path in script.inputs.items()}
    for name, value in (options.decisive() | {"device": options.run.device}).items():
        facts[f"--{name.replace('_', '-')}"] = str(value)
    # The id tells also what is not named here: files that options name, spans given as objects.
    facts |= {"record": write_id(marking.record_id), "length": str(frames)}
    return facts | {"version": __version__, "program": digest_code(*FRAME_CODE)}


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
