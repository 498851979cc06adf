"""A file in parts: those that an earlier run left are taken over, the others made, all joined."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lipsync.errors import OutputError
from lipsync.marks.marking import Marking
from lipsync.media.formats import Format, Output
from lipsync.media.parts import (
    SUFFIX,
    join_parts,
    mux,
    part_starts,
    share_parameters,
    split_frames,
)
from lipsync.media.video_encoders import is_hardware
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.output_frames import OutputFrames
from lipsync.pipelines.part_making import Label, PartMaker
from lipsync.pipelines.part_store import PartStore, open_parts
from lipsync.pipelines.part_workers import (
    POLL_S,
    PartQueue,
    count_encoder_threads,
    count_processes,
    start_workers,
)
from lipsync.pipelines.recipe import Recipe
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.context import RunContext


def write_parts(
    frames: OutputFrames,
    recipe: Recipe,
    output: Output,
    seal: Callable[[Path, str | None], None],
) -> list[str]:
    """Write a file, complete or not at all; finished parts stay if it is not.

    Args:
        seal: called with the complete temporary file.

    Returns:
        What the user should know of parts that an earlier run left.

    Raises:
        OutputError: it cannot be written.
    """
    making, run, marking = frames.making, frames.run, frames.marking
    parts = split_frames(len(making), recipe.info.fps)
    with (
        open_parts(run.cache.root, output.path, recipe.facts(marking)) as store,
        atomic_write(output.path) as file,
        _errors_of(output.path, store.folder, file),
    ):
        with os_errors_as_output_errors(output.path):
            file.touch()  # before the work, not after it
        apart = makes_apart(parts, making, marking)
        maker = open_maker(recipe, making, output.format, apart)
        workers = recipe.options.run.workers if apart else 1

        def make(missing: list[range]) -> None:
            with run.timer.stage("appearance"):
                making.prepare(run.cache)
            make_parts(maker, missing, len(making), store, run, workers, frames.label)

        kept = take_over(store, parts, maker)
        if missing := [part for part in parts if part not in kept]:
            make(missing)
        hardware = is_hardware(recipe.options.encode.encoder)
        recoded = kept and hardware and not share_parameters([store.place(one) for one in parts])
        if recoded:
            make([part for part in parts if part in kept])
            kept = set()
        join_output(recipe, marking, parts, store, output.format, file)
        with os_errors_as_output_errors(output.path):
            seal(file, None)
    store.clear()
    changed = [*store.changed, *(["the encoder's driver or device"] if recoded else [])]
    return _describe(changed, kept, parts)


def makes_apart(parts: Sequence[range], making: FrameMaking, marking: Marking) -> bool:
    """Whether parts are made in any order, perhaps by several processes.

    Not with a notice: it is drawn where a changed stretch begins, for which all that lies before
    must be known.
    """
    return len(parts) > 1 and making.is_portable() and not marking.options.label


def open_maker(recipe: Recipe, making: FrameMaking, form: Format, apart: bool) -> PartMaker:
    """What makes the parts of an output; `apart`: see `makes_apart`."""
    info, options = recipe.info, recipe.options.encode
    threads = count_encoder_threads(info.width * info.height)
    several = apart and not is_hardware(options.encoder)
    return PartMaker(making, form, options, threads if several else None)


def make_parts(
    maker: PartMaker,
    missing: list[range],
    total: int,
    store: PartStore,
    run: RunContext,
    workers: int,
    label: Label | None = None,
) -> None:
    """Make and keep parts, here and in further processes; `maker` is prepared.

    Args:
        total: frames of which these parts are the missing ones.
        workers: processes that make parts, 0: what suits the machine.
        label: see `PartMaker.make`.
    """
    parts = PartQueue(missing, total - sum(len(part) for part in missing))

    def report() -> None:
        parts.count()
        run.report("render", parts.done, total)

    pixels = maker.making.info.width * maker.making.info.height
    more = count_processes(workers, len(missing), pixels) - 1
    with start_workers(more, maker, parts, store, run.timer) as others:
        while True:
            busy = [other for other in others if other.is_busy()]
            if (part := parts.take()) is not None:
                with store.write(part) as temporary:
                    log = maker.make(part, temporary, run.timer, report, label)
                    store.commit(part, temporary, log)
            elif busy:
                # Reports come from this thread alone: callers may stop a render in them.
                with run.timer.stage("wait"):
                    busy[0].wait(POLL_S)
                run.report("render", parts.done, total)
            else:  # none was busy, and then no part was left
                run.report("render", parts.done, total)  # also what came since the last report
                break


@contextmanager
def _errors_of(output: Path, *temporary: Path) -> Iterator[None]:
    """Errors about temporary files and folders are about the output."""
    try:
        yield
    except OutputError as error:
        text = str(error)
        for place in temporary:
            inside = f"{place}/"
            at = text.find(inside)
            if at >= 0:  # a file in a folder: its name says nothing either
                name = text[at : text.find(":", at)]
                text = text.replace(name, str(output))
            text = text.replace(str(place), str(output))
        raise OutputError(text) from None


def join_output(
    recipe: Recipe,
    marking: Marking,
    parts: Sequence[range],
    store: PartStore,
    form: Format,
    file: Path,
) -> None:
    """Join the finished parts of an output, and put its sound to them.

    Raises:
        OutputError: it cannot be written.
    """
    info, joined = recipe.info, store.folder / f"joined-{secrets.token_hex(4)}{SUFFIX}"
    try:
        join_parts([store.place(part) for part in parts], part_starts(parts, info), joined)
        mux(
            joined, info, recipe.sound, file, form,
            tags=marking.tags, passthrough=recipe.passthrough,
        )  # fmt: skip
    finally:
        joined.unlink(missing_ok=True)


def take_over(store: PartStore, parts: Sequence[range], maker: PartMaker) -> set[range]:
    """The parts that are finished; their logs are taken over."""
    kept = set()
    for part in parts:
        log = store.read(part)
        if log is not None and len(log.changed) == len(maker.making.drawings):
            kept.add(part)
            maker.take_over(part, log)
    return kept


def _describe(changed: Sequence[str], kept: set[range], parts: Sequence[range]) -> list[str]:
    if changed:
        return ["parts of an earlier run were not used: not the same are " + ", ".join(changed)]
    if kept:
        return [f"{len(kept)} of {len(parts)} parts were finished by an earlier run"]
    return []
