"""A dry run of a render: all checks, what the cache holds, and what the rest would take.

The steps of a render are taken, in order, until one needs what is not in the cache; from there on
costs are added up. Nothing is written but temporary files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.dialogue.spans import Span
from lipsync.marks.certificate import local_place
from lipsync.marks.origin import GENERATED_MOUTH
from lipsync.media.parts import split_frames
from lipsync.mouth import texture
from lipsync.mouth.bank.mouth_bank import bank_bytes
from lipsync.options import RenderOptions
from lipsync.pipelines import render_costs as costs
from lipsync.pipelines.doctor_checks import check_signing
from lipsync.pipelines.estimate_state import KnownSteps, PeekCache, find_unseen, look_further
from lipsync.pipelines.outputs import OutputPaths, plan_marking
from lipsync.pipelines.part_workers import count_processes
from lipsync.pipelines.recipe import identify_output
from lipsync.pipelines.render_plan import (
    OutputPlan,
    Script,
    plan_output,
)
from lipsync.pipelines.request import read_request
from lipsync.report.estimate import RenderEstimate, Step
from lipsync.runtime.cache import Cache
from lipsync.runtime.context import RunContext
from lipsync.runtime.disk_space import format_size, free_bytes
from lipsync.types import Speaker, VideoInfo

LEAST_OWN_S = 10.0  # of a target with sound: less is never enough to adapt to


def estimate_render(
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
) -> RenderEstimate:
    """Check what `lipsync.render` would check, and say what it would take; arguments as there.

    Raises:
        LipsyncError: something the caller can mend, which would stop the render.
    """
    with media.PipedInputs() as piped:
        asked = read_request(
            piped, audio, video, output, speakers=speakers, spans=spans, sheet=sheet, plot=plot,
            sidecar=sidecar, report=report, mask=mask, compare=compare, options=options,
            overwrite=overwrite,
        )  # fmt: skip
        return estimate_script(asked.script, asked.paths, asked.options)


def estimate_script(script: Script, paths: OutputPaths, options: RenderOptions) -> RenderEstimate:
    """`estimate_render` of what has been read and checked."""
    known = KnownSteps()
    known.warnings += _check_marking(script, paths, options)
    model = texture.load_model(options.texture, len(script.parts), options.run.device)
    root = Cache.default_root() if options.run.cache else None
    with PeekCache(root) as cache, cache.room() as folder:
        run = RunContext(cache, options.run.device)
        plan = plan_output(script, paths, options, run, folder)
        known.warnings += plan.notes
        references = find_unseen(plan.info, script, known, options, run)
        if not known.unseen:
            look_further(script, plan, known, model, options, run)
        known.warnings += cache.take_warnings()
    return _add_up(plan, paths, known, references, options)


def _check_marking(script: Script, paths: OutputPaths, options: RenderOptions) -> list[str]:
    """Whether the output can be signed; no certificate is made for that."""
    marks = options.marks
    if marks.certificate is None and marks.key is None and not local_place().exists():
        marks = replace(marks, content_credentials=False)
        wrong = [one for one in check_signing() if not one.right]
        notes = [f"no content credentials: {one.found}" for one in wrong]
    else:
        notes = []
    record = identify_output(script, options)
    return notes + plan_marking(paths.output, GENERATED_MOUTH, marks, record)[1]


def _count_processes(plan: OutputPlan, options: RenderOptions) -> int:
    """How many processes make the parts of the output."""
    parts = len(split_frames(plan.length.frames, plan.info.fps))
    if options.marks.label or options.texture.texture != "median":
        return 1
    return count_processes(options.run.workers, parts, plan.info.width * plan.info.height)


def _add_up(
    plan: OutputPlan,
    paths: OutputPaths,
    known: KnownSteps,
    references: list[VideoInfo],
    options: RenderOptions,
) -> RenderEstimate:
    """The estimate of a render of which this is known."""
    info, frames, warnings = plan.info, plan.length.frames, list(known.warnings)
    pixels, footage = info.width * info.height, [info, *references]
    count = sum(one.frame_count for one in footage)
    entries = min(count, options.bank.bank_frames)
    bank = bank_bytes(known.scale, entries) + costs.MODEL_BYTES + costs.MODEL_ENTRY_BYTES * entries
    bank *= not known.bank
    unseen = sum(one.frame_count for one in known.unseen)
    size = costs.output_bytes(frames, pixels, options.encode.crf)
    adapting = _may_adapt(info, options) and not known.adapted
    cache_size = bank + costs.FACES_BYTES * unseen + costs.PERSON_BYTES * adapting
    temporary = round(costs.SOUND_BYTES * plan.duration)
    temporary += size if not paths.output.format.pipe else 0
    temporary += costs.LOOK_BYTES * count * (not known.bank)
    root = Cache.default_root()
    output_free, cache_free = free_bytes(paths.output.path.parent), free_bytes(root)
    for name, free, needed in (
        (f"the disk of {paths.output.path.name}", output_free, size),
        (f"the disk of the cache {root}", cache_free, cache_size),
    ):
        if free < needed:
            warnings.append(f"{name} has {format_size(free)}; {format_size(needed)} are needed")
    steps = list(_steps(plan, known, footage, options))
    return RenderEstimate(
        output=paths.output.path,
        frames=frames,
        fps=info.fps,
        width=info.width,
        height=info.height,
        duration=float(plan.length.duration),
        steps=tuple(steps),
        seconds=round(sum(step.seconds for step in steps), 1),
        memory=round(
            costs.BASE_MEMORY
            + costs.MEMORY_PER_PIXEL * pixels
            + costs.PROCESS_MEMORY * (_count_processes(plan, options) - 1)
            + costs.MAKING_MEMORY * (not known.bank)
            + costs.MEMORY_PER_SPEECH_S * (plan.duration + float(info.duration))
        ),
        output_size=size,
        cache_size=cache_size,
        temporary_size=temporary,
        output_free=output_free,
        cache_free=cache_free,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _steps(
    plan: OutputPlan, known: KnownSteps, footage: list[VideoInfo], options: RenderOptions
) -> Iterator[Step]:
    """The work, in order."""
    info, speech = plan.info, sum(len(wave.samples) / wave.rate for wave in plan.waves)
    yield Step("start", costs.START_S)
    for one in footage:
        cached = one not in known.unseen
        cost = costs.LANDMARKS.seconds(one.frame_count, one.width * one.height)
        yield Step(f"landmarks of {one.path.name}", 0.0 if cached else round(cost, 1), cached)
    if _may_adapt(info, options):
        own = costs.ADAPT_S + costs.ADAPT_PER_S * min(float(info.duration), 60.0)
        yield Step("adaptation", 0.0 if known.adapted else round(own, 1), known.adapted)
    yield Step("speech", round(costs.SPEECH_S * speech, 1))
    pixels = info.width * info.height
    making = sum(
        costs.BANK.seconds(one.frame_count, one.width * one.height)
        + costs.SPEECH_S * float(one.duration) * one.has_audio
        for one in footage
    )
    yield Step("mouth bank", 0.0 if known.bank else round(making, 1), known.bank)
    cost = costs.PICTURES.seconds(plan.length.frames, pixels) * len(plan.parts)
    if options.texture.texture == "decoder":
        cost *= costs.DECODER
    yield Step("pictures", round(cost, 1))


def _may_adapt(info: VideoInfo, options: RenderOptions) -> bool:
    """Whether a target may have enough of its own speech to adapt to."""
    return options.adapt.adapt == "auto" and info.has_audio and info.duration >= LEAST_OWN_S
