"""The frames of a complete output, each beside the target's picture that it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from lipsync.media import probe, read_frames
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.types import U8

NEAR_S = 0.5  # wanted frames that are no farther apart are read in one go


class FinishedOutput:
    """Reads a complete output again, as it was encoded."""

    def __init__(self, output: Path, making: FrameMaking) -> None:
        """`making`: that made it."""
        self.making = making
        self._info = probe(output, keep_stamps=making.info.stamps is not None)

    def pairs(self, part: range) -> Iterator[tuple[int, U8, U8]]:
        """Frames of a part: number, the target's picture, the output's; in `making`'s coding.

        Memory does not grow with the length of the part.
        """
        making = self.making
        back = read_frames(self._info, part.start, part.stop, coding=making.coding)
        with closing(making.read_target(part)) as targets, closing(back) as frames:
            yield from zip(part, targets, frames, strict=True)

    def some(self, wanted: Iterable[int]) -> Iterator[tuple[int, U8, U8]]:
        """The wanted frames, ascending: number, the target's picture, the output's; RGB."""
        coding, near = self.making.coding, round(NEAR_S * float(self.making.info.fps))
        for run in _runs(sorted(set(wanted)), near):
            for i, target, frame in self.pairs(range(run[0], run[-1] + 1)):
                if i in run:
                    yield i, coding.to_rgb(target), coding.to_rgb(frame)


def _runs(numbers: list[int], near: int) -> Iterator[list[int]]:
    """Cut ascending numbers where two are farther apart than `near`."""
    run: list[int] = []
    for number in numbers:
        if run and number - run[-1] > near:
            yield run
            run = []
        run.append(number)
    if run:
        yield run
