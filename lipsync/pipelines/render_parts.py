"""A file in parts: those that an earlier run left are taken over, the others made, all joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import OutputError
from lipsync.media.encode import EncodeOptions
from lipsync.media.formats import Output
from lipsync.media.parts import (
    encode_part,
    join_parts,
    mux,
    part_starts,
    share_parameters,
    split_frames,
)
from lipsync.media.passthrough import Passthrough
from lipsync.media.video_encoders import is_hardware
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.part_store import Facts, PartLog, PartStore, open_parts
from lipsync.pipelines.render_plan import OutputPlan
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors


def write_parts(
    making: FrameMaking,
    plan: OutputPlan,
    output: Output,
    options: EncodeOptions,
    passthrough: Passthrough | None,
    facts: Facts,
    seal: Callable[[Path, str | None], None],
) -> list[str]:
    """Write a file, complete or not at all; finished parts stay if it is not.

    Args:
        facts: what decides the frames; see `open_parts`.
        seal: called with the complete temporary file.

    Returns:
        What the user should know of parts that an earlier run left.

    Raises:
        OutputError: it cannot be written.
    """
    parts, info = split_frames(len(making), plan.info.fps), plan.info
    with (
        open_parts(making.run.cache.root, output.path, facts) as store,
        atomic_write(output.path) as file,
        _errors_of(output.path, store.folder, file),
    ):
        with os_errors_as_output_errors(output.path):
            file.touch()  # before the work, not after it
        places = [store.place(part) for part in parts]
        kept = _take_over(store, parts, making)
        made = set(parts) - kept
        _make_parts(_group_missing(parts, kept), making, store, output, options)
        recoded = kept and is_hardware(options.encoder) and not share_parameters(places)
        if recoded:
            _make_parts(_group_missing(parts, made), making, store, output, options)
            kept = set()
        _show_kept(making, [part for part in parts if part in kept], store)
        joined = store.folder / "joined.mp4"
        join_parts(places, part_starts(parts, info), joined)
        mux(
            joined, info, plan.sound, file, output.format,
            tags=making.marking.tags, passthrough=passthrough,
        )  # fmt: skip
        joined.unlink()
        with os_errors_as_output_errors(output.path):
            seal(file, None)
    store.clear()
    changed = [*store.changed, *(["the encoder's driver or device"] if recoded else [])]
    return _describe(changed, kept, parts)


def _make_parts(
    groups: Iterator[list[range]],
    making: FrameMaking,
    store: PartStore,
    output: Output,
    options: EncodeOptions,
) -> None:
    """Make parts, encode them and keep each as soon as it is finished."""
    for group in groups:
        with closing(making.make(group)) as frames:
            for part in group:
                with store.write(part) as temporary:
                    some, form = islice(frames, len(part)), output.format
                    encode_part(some, part, making.info, temporary, form, options, making.coding)
                    store.commit(part, temporary, _log_of(making, part))


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


def _take_over(store: PartStore, parts: Sequence[range], making: FrameMaking) -> set[range]:
    """The parts that are finished; their logs are taken over."""
    kept = set()
    for part in parts:
        log = store.read(part)
        if log is not None and len(log.changed) == len(making.drawings):
            kept.add(part)
            for k, drawing in enumerate(making.drawings):
                drawing.log.changed[part.start : part.stop] = log.changed[k]
                drawing.log.distances[part.start : part.stop] = log.distances[k]
    return kept


def _log_of(making: FrameMaking, part: range) -> PartLog:
    here = slice(part.start, part.stop)
    logs = [one.log for one in making.drawings]
    return PartLog(
        np.stack([one.changed[here] for one in logs]),
        np.stack([one.distances[here] for one in logs]),
    )


def _group_missing(parts: Sequence[range], kept: set[range]) -> Iterator[list[range]]:
    """The parts to be made, those that follow one another together: their frames are one stream."""
    group: list[range] = []
    for part in parts:
        if part not in kept:
            group.append(part)
        elif group:
            yield group
            group = []
    if group:
        yield group


def _show_kept(making: FrameMaking, kept: Sequence[range], store: PartStore) -> None:
    """Give the sheets what they show of parts that an earlier run made, as it was encoded."""
    for part in kept:
        if any(making.is_shown(i) for i in part):
            coded = media.read_frames(media.probe(store.place(part)), coding=making.coding)
            with closing(making.read_target(part)) as targets, closing(coded) as frames:
                for i, target, frame in zip(part, targets, frames, strict=True):
                    if making.is_shown(i):
                        making.show(i, target, frame)


def _describe(changed: Sequence[str], kept: set[range], parts: Sequence[range]) -> list[str]:
    if changed:
        return ["parts of an earlier run were not used: not the same are " + ", ".join(changed)]
    if kept:
        return [f"{len(kept)} of {len(parts)} parts were finished by an earlier run"]
    return []
