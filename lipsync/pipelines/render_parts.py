"""A file in parts: those that an earlier run left are taken over, the others made, all joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lipsync.errors import OutputError
from lipsync.media.encode import EncodeOptions
from lipsync.media.formats import Output
from lipsync.media.parts import (
    join_parts,
    mux,
    part_starts,
    share_parameters,
    split_frames,
)
from lipsync.media.passthrough import Passthrough
from lipsync.media.video_encoders import is_hardware
from lipsync.pipelines.output_frames import OutputFrames
from lipsync.pipelines.part_making import PartMaker
from lipsync.pipelines.part_store import Facts, PartStore, open_parts
from lipsync.pipelines.part_workers import (
    POLL_S,
    PartQueue,
    count_encoder_threads,
    count_processes,
    start_workers,
)
from lipsync.pipelines.render_plan import OutputPlan
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors


def write_parts(
    frames: OutputFrames,
    plan: OutputPlan,
    output: Output,
    options: EncodeOptions,
    passthrough: Passthrough | None,
    facts: Facts,
    seal: Callable[[Path, str | None], None],
    workers: int = 0,
) -> list[str]:
    """Write a file, complete or not at all; finished parts stay if it is not.

    Args:
        facts: what decides the frames; see `open_parts`.
        seal: called with the complete temporary file.
        workers: processes that make parts, 0: what suits the machine.

    Returns:
        What the user should know of parts that an earlier run left.

    Raises:
        OutputError: it cannot be written.
    """
    making, run, info = frames.making, frames.run, plan.info
    parts = split_frames(len(making), info.fps)
    with (
        open_parts(run.cache.root, output.path, facts) as store,
        atomic_write(output.path) as file,
        _errors_of(output.path, store.folder, file),
    ):
        with os_errors_as_output_errors(output.path):
            file.touch()  # before the work, not after it
        # A notice is drawn where a changed stretch begins: all that lies before must be known.
        apart = len(parts) > 1 and making.is_portable() and not frames.marking.options.label
        hardware = is_hardware(options.encoder)
        pixels = info.width * info.height
        threads = count_encoder_threads(pixels) if apart and not hardware else None
        maker = PartMaker(making, output.format, options, threads)
        processes = workers if apart else 1
        places = [store.place(part) for part in parts]
        kept = _take_over(store, parts, maker)
        made = [part for part in parts if part not in kept]
        _make_parts(frames, maker, made, store, processes)
        recoded = kept and hardware and not share_parameters(places)
        if recoded:
            _make_parts(frames, maker, [part for part in parts if part in kept], store, processes)
            kept = set()
        frames.show_parts(parts, store)
        joined = store.folder / "joined.mp4"
        join_parts(places, part_starts(parts, info), joined)
        mux(
            joined, info, plan.sound, file, output.format,
            tags=frames.marking.tags, passthrough=passthrough,
        )  # fmt: skip
        joined.unlink()
        with os_errors_as_output_errors(output.path):
            seal(file, None)
    store.clear()
    changed = [*store.changed, *(["the encoder's driver or device"] if recoded else [])]
    return _describe(changed, kept, parts)


def _make_parts(
    frames: OutputFrames, maker: PartMaker, missing: list[range], store: PartStore, workers: int
) -> None:
    """Make and keep the missing parts, here and in further processes."""
    if not missing:
        return
    run, total = frames.run, len(maker.making)
    parts = PartQueue(missing, total - sum(len(part) for part in missing))
    with run.timer.stage("appearance"):
        maker.making.prepare(run.cache)

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
                    log = maker.make(part, temporary, run.timer, report, frames.label)
                    store.commit(part, temporary, log)
            elif busy:
                # Reports come from this thread alone: callers may stop a render in them.
                with run.timer.stage("wait"):
                    busy[0].wait(POLL_S)
                run.report("render", parts.done, total)
            else:  # none was busy, and then no part was left
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


def _take_over(store: PartStore, parts: Sequence[range], maker: PartMaker) -> set[range]:
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
