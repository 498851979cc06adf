"""A render in shards: planned once, its parts made on any machines, joined frame by frame.

    plan ─ freeze ─┬→ shard 1/n ─┐
                   ├→ shard 2/n ─┼→ join ─ marked output
                   └→ shard n/n ─┘

Nothing is decided in a shard, and no network is run: what `plan` freezes is all that frames depend
on. However many shards there are, the pictures are the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.dialogue.spans import Span
from lipsync.errors import OptionsError, OutputError, PlanError
from lipsync.jobs.shard_plan import HEAD, ShardPlan, open_plan, write_plan
from lipsync.marks.marking import Marking
from lipsync.marks.origin import GENERATED_MOUTH
from lipsync.media.formats import Output
from lipsync.options import RenderOptions
from lipsync.pipelines.arguments import as_place
from lipsync.pipelines.outputs import OutputPaths, plan_marking
from lipsync.pipelines.part_making import PartMaker
from lipsync.pipelines.recipe import find_changed, identify_output
from lipsync.pipelines.render import plan_render
from lipsync.pipelines.render_parts import (
    join_output,
    make_parts,
    makes_apart,
    open_maker,
    take_over,
)
from lipsync.pipelines.request import RenderRequest, read_request
from lipsync.report.render_report import WrittenFiles
from lipsync.report.results import PlanResult, RenderResult, ShardResult
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.cache import Cache
from lipsync.runtime.context import RunContext
from lipsync.runtime.threads import steady_threads
from lipsync.runtime.wording import count_of
from lipsync.types import Progress, Speaker

NAMED_MOST = 5  # of missing parts


def plan_shards(
    audio: str | Path | None,
    video: str | Path,
    output: str | Path | None = None,
    *,
    folder: str | Path,
    speakers: Iterable[Speaker | str | Sequence[Any]] = (),
    spans: str | Path | Iterable[Span | Sequence[Any]] | None = None,
    sidecar: str | Path | None = None,
    options: RenderOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PlanResult:
    """Decide all of a render, and freeze it in a folder that shards are made from.

    Arguments as of `render`, but for

    Args:
        folder: of the plan; a new one.
        overwrite: replace that folder if it is there; the output is another matter, which
            `join_shards` asks about.

    Raises:
        LipsyncError: something the caller can mend; nothing was written.
    """
    place = as_place(folder, "plan")
    if place is None:
        raise OptionsError("plan: wanted a folder, got nothing")
    _check_folder(place, overwrite)
    with media.PipedInputs() as piped:
        asked = read_request(
            piped, audio, video, output, speakers=speakers, spans=spans, sidecar=sidecar,
            options=options, overwrite=True, absolute=True,
        )  # fmt: skip
        if taken := [path for path in asked.script.inputs.values() if piped.is_taken(path)]:
            raise OptionsError(
                f"{piped.rename(str(taken[0]))}: is a pipe, which is gone when shards are made; "
                "plan from files"
            )
        check_can_be_shared(asked.paths.output, asked.options)
        return _plan_request(asked, place, progress)


def _plan_request(asked: RenderRequest, folder: Path, progress: Progress | None) -> PlanResult:
    script, paths, options = asked.script, asked.paths, asked.options
    record = identify_output(script, options)
    marking, unsigned = plan_marking(paths.output, GENERATED_MOUTH, options.marks, record)
    with steady_threads(), options.run.open(progress) as run, run.cache.room() as room:
        planned = plan_render(script, paths, options, run, room)
        recipe = planned.recipe(script, paths, options, marking, unsigned)
        making = recipe.making(paths.output.format, marking)
        with run.timer.stage("appearance"):
            making.prepare(run.cache)
        with run.timer.stage("plan"):
            output = replace(paths.output, path=paths.output.path.absolute())
            sidecar = None if paths.sidecar is None else paths.sidecar.absolute()
            head = write_plan(folder, recipe, making, output, sidecar, record)
        warnings = (*recipe.report.notes, *recipe.report.lost, *run.cache.take_warnings())
    return PlanResult(
        plan=folder,
        output=output.path,
        frames=head.frames,
        fps=recipe.info.fps,
        parts=head.parts,
        warnings=warnings,
        seconds=run.seconds,
    )


def make_shard(
    folder: str | Path,
    shard: tuple[int, int],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ShardResult:
    """Make the parts of one shard of a plan; those that are finished are not made again.

    Args:
        shard: (i, n), the i-th of n, from 1 on. Whatever n is, all its shards make all parts.
        workers: processes that make parts side by side; None: as was planned.

    Raises:
        PlanError: the plan cannot be used here.
        OptionsError: there is no such shard.
        OutputError: parts cannot be written.
    """
    began, place = time.monotonic(), Path(folder)
    check_shard(shard)
    opened = open_plan(place)
    opened.check_inputs("video")
    mine, store, maker = share_parts(opened.parts, shard), opened.store(), _open_maker(opened)
    kept = take_over(store, mine, maker)
    missing = [part for part in mine if part not in kept]
    recipe = opened.recipe
    if missing:
        maker.making.adopt(opened.learned)
        count = recipe.options.run.workers if workers is None else workers
        with Cache(None) as cache:
            run = RunContext(cache, recipe.options.run.device, progress)
            make_parts(maker, missing, sum(map(len, mine)), store, run, count)
    return ShardResult(
        plan=place,
        shard=f"{shard[0]}/{shard[1]}",
        made=len(missing),
        kept=len(kept),
        frames=sum(map(len, missing)),
        seconds=round(time.monotonic() - began, 3),
    )


def join_shards(
    folder: str | Path,
    output: str | Path | None = None,
    *,
    sidecar: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RenderResult:
    """Join the parts of a plan, put the sound to them, mark the output.

    Args:
        output: None: as was planned; else of the same format.
        sidecar: None: as was planned, or beside the output.

    Raises:
        PlanError: parts are missing or damaged, or the plan cannot be used here.
        OutputError: the output cannot be written.
    """
    opened = open_plan(Path(folder))
    recipe, head = opened.recipe, opened.head
    opened.check_inputs()
    place = as_place(output, "output") or opened.output.path
    named = as_place(sidecar, "sidecar")
    if named is None and place == opened.output.path and head.sidecar is not None:
        named = Path(head.sidecar)
    paths = OutputPaths.check(
        place, named, None, None, inputs=recipe.script.inputs.values(), overwrite=overwrite
    )
    if paths.output.format != opened.output.format:
        raise OutputError(
            f"{place}: the plan is of an output in {opened.output.format.suffix}; keep that"
        )
    parts, store, maker = opened.parts, opened.store(), _open_maker(opened)
    kept = take_over(store, parts, maker)
    if len(kept) < len(parts):
        raise PlanError(_tell_missing(Path(folder), [one for one in parts if one not in kept]))
    marks = recipe.options.marks
    marking, unsigned = plan_marking(paths.output, GENERATED_MOUTH, marks, head.record)
    with Cache(None) as cache:
        run = RunContext(cache, progress=progress)
        with (
            run.timer.stage("join"),
            atomic_write(paths.output.path) as file,
        ):
            join_output(recipe, marking, parts, store, paths.output.format, file)
            run.report("join", len(parts), len(parts))
            with run.timer.stage("marks"), os_errors_as_output_errors(paths.output.path):
                record = recipe.describe_origin(find_changed(maker.making), marking)
                marking.seal(file, record, paths.sidecar)
    report = replace(recipe.report, marks=marking.summary)
    return report.result(
        WrittenFiles(paths.output.path, paths.sidecar),
        int(find_changed(maker.making).sum()),
        [one.log.distances for one in maker.making.drawings],
        [line for line in unsigned if line not in report.notes],
        run.seconds, run.cpu_seconds,
    )  # fmt: skip


def check_shard(shard: tuple[int, int]) -> None:
    """See whether there can be such a shard.

    Raises:
        OptionsError: there cannot.
    """
    number, count = shard
    if not 1 <= number <= count:
        raise OptionsError(f"shard {number}/{count}: wanted I/N with I from 1 to N")


def parse_shard(text: str) -> tuple[int, int]:
    """Parse `2/7`, the second of seven shards.

    Raises:
        OptionsError: another format, or there is no such shard.
    """
    number, slash, count = text.partition("/")
    if not (slash and number.strip().isdecimal() and count.strip().isdecimal()):
        raise OptionsError(f"shard {text!r}: wanted I/N, as 2/7")
    shard = int(number), int(count)
    check_shard(shard)
    return shard


def share_parts(parts: Sequence[range], shard: tuple[int, int]) -> list[range]:
    """The parts of one shard: neighbors, as many as of any other, or one more."""
    number, count = shard
    first, end = (len(parts) * k // count for k in (number - 1, number))
    return list(parts[first:end])


def _open_maker(opened: ShardPlan) -> PartMaker:
    """What makes the plan's parts; it has learned nothing yet."""
    recipe, output = opened.recipe, opened.output
    marking = Marking(output, GENERATED_MOUTH, recipe.options.marks, opened.head.record, None)
    making = recipe.making(output.format, marking)
    return open_maker(recipe, making, output.format, makes_apart(opened.parts, making, marking))


def check_can_be_shared(output: Output, options: RenderOptions) -> None:
    """See whether an output consists of parts that can be made in any order.

    Raises:
        OutputError, OptionsError: it does not.
    """
    if output.format.pipe or output.format.frames:
        raise OutputError(f"{output.path}: shards are joined to a video file; give the name of one")
    if options.marks.label:
        raise OptionsError(
            "option 'label': a notice is drawn by who knows all frames before it, which a shard "
            "does not; render the video whole, or leave the notice out"
        )
    if options.texture.texture != "median":
        raise OptionsError(
            f"option 'texture': {options.texture.texture} draws with a network, which a plan does "
            "not hold; render the video whole, or use median"
        )


def _check_folder(folder: Path, overwrite: bool) -> None:
    """See whether a plan can be written there.

    Raises:
        OutputError: it cannot.
    """
    if not folder.absolute().parent.is_dir():
        raise OutputError(f"{folder}: there is no folder {folder.parent}; make it first")
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / HEAD).is_file()):
        raise OutputError(f"{folder}: is something else than a plan; choose another folder")
    if not overwrite:
        raise OutputError(f"{folder}: exists already; pass --overwrite to replace it")


def _tell_missing(folder: Path, missing: Sequence[range]) -> str:
    spans = [f"{part.start}–{part.stop - 1}" for part in missing[:NAMED_MOST]]
    more = f" and {len(missing) - NAMED_MOST} more" if len(missing) > NAMED_MOST else ""
    return (
        f"{folder}: {count_of(len(missing), 'part')} missing or damaged (frames "
        f"{', '.join(spans)}{more}); lipsync shard {folder} 1/1 makes what is missing"
    )
