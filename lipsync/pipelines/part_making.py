"""One part of an output: its frames made, encoded into a file of their own, and what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.media.encode import EncodeOptions
from lipsync.media.formats import Format
from lipsync.media.parts import encode_part
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.part_store import PartLog
from lipsync.runtime.timer import StageTimer
from lipsync.types import U8

Label = Callable[[Iterator[U8], int], Iterator[U8]]  # of frames from some on; see `Marking.label`


@dataclass(frozen=True, eq=False)
class PartMaker:
    """Makes the parts of one output, in any order; can be sent to other processes."""

    making: FrameMaking
    form: Format
    options: EncodeOptions
    threads: int | None  # of the encoder; None: as many as it likes

    def make(
        self, part: range, place: Path, timer: StageTimer, report: Callable[[], None],
        label: Label | None = None,
    ) -> PartLog:  # fmt: skip
        """Make a part.

        Args:
            place: of its file; see `encode_part`.
            report: called after every frame.
            label: puts a notice into frames; it must know all earlier parts.

        Raises:
            LipsyncError: the target cannot be read, or the part not be written.
        """
        making = self.making
        frames: Iterator[U8] = making.make(part, timer)
        if label is not None:
            frames = label(frames, part.start)
        try:
            encode_part(
                _each(frames, report), part, making.info, place, self.form, self.options,
                making.coding, self.threads,
            )  # fmt: skip
        finally:
            frames.close()  # type: ignore[attr-defined]  # both are generators
        return self.log(part)

    def log(self, part: range) -> PartLog:
        """What happened to the frames of a part that was made here."""
        here = slice(part.start, part.stop)
        logs = [one.log for one in self.making.drawings]
        return PartLog(
            np.stack([one.changed[here] for one in logs]),
            np.stack([one.distances[here] for one in logs]),
            np.stack([one.scores[here] for one in logs]),
            self.making.info.damage.copy(),
        )

    def take_over(self, part: range, log: PartLog) -> None:
        """Note what happened to the frames of a part that was made elsewhere."""
        for k, drawing in enumerate(self.making.drawings):
            drawing.log.changed[part.start : part.stop] = log.changed[k]
            drawing.log.distances[part.start : part.stop] = log.distances[k]
            drawing.log.scores[part.start : part.stop] = log.scores[k]
        self.making.info.damage.add(log.damage)


def _each(frames: Iterable[U8], report: Callable[[], None]) -> Iterator[U8]:
    for frame in frames:
        yield frame
        report()
