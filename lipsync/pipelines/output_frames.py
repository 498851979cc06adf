"""All frames of an output in this process: with the notice, looked at by sheets, reported."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from lipsync.marks.marking import Marking
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.report.contact_sheet import ContactSheet
from lipsync.runtime.context import RunContext
from lipsync.types import F32, U8


@dataclass(frozen=True, eq=False)
class OutputFrames:
    """The frames of one output as they are made, and who looks at them."""

    making: FrameMaking
    marking: Marking
    sheets: Sequence[ContactSheet]  # one per speaker, or none, that look at frames on their way
    run: RunContext

    def make(self, parts: Sequence[range]) -> Generator[U8, None, None]:
        """All frames, for an output that is one stream."""
        making = self.making
        for part in parts:
            with closing(making.make(part, self.run.timer)) as frames:
                for i, frame in enumerate(self.label(frames, part.start), part.start):
                    if self._is_shown(i):
                        with closing(making.read_target(range(i, i + 1))) as targets:
                            self._show(i, next(targets), frame)
                    yield frame
                    self.run.report("render", i + 1, len(making))

    def label(self, frames: Iterator[U8], first: int) -> Iterator[U8]:
        """Frames from `first` on with the notice, if one is wanted; all before have been made."""
        making = self.making
        return self.marking.label(frames, making.is_changed, making.info, first, making.coding)

    def _is_shown(self, i: int) -> bool:
        return any(i in sheet.wanted for sheet in self.sheets)

    def _show(self, i: int, target: U8, frame: U8) -> None:
        """Offer an output frame to the sheets."""
        making = self.making
        target, frame = (making.coding.to_rgb(one) for one in (target, frame))
        for sheet, drawing in zip(self.sheets, making.drawings, strict=True):
            to_frame: F32 = np.asarray(drawing.head[i])
            sheet.add(i, target, frame, to_frame)
