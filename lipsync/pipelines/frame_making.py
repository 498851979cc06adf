"""The frames of an output, part by part: target frames in order, every speaker's mouth, the notice.

A part's frames are the same whichever parts were made before it in the same run.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice

import numpy as np

from lipsync.marks.marking import Marking
from lipsync.media.frame_coding import FrameCoding
from lipsync.media.frame_order import read_frames_in_order
from lipsync.pipelines.speaker_render import SpeakerDrawing
from lipsync.report.contact_sheet import ContactSheet
from lipsync.runtime.context import RunContext
from lipsync.runtime.prefetch import read_ahead
from lipsync.runtime.threads import single_threaded_drawing
from lipsync.types import U8, VideoInfo


class FrameMaking:
    """Makes the frames of one output."""

    def __init__(
        self,
        info: VideoInfo,
        drawings: Sequence[SpeakerDrawing],
        marking: Marking,
        sheets: Sequence[ContactSheet],
        run: RunContext,
        coding: FrameCoding,
    ) -> None:
        """`info`: of the target; `sheets`: one per speaker, or none; `coding`: of the frames."""
        self.info, self.drawings, self.marking = info, drawings, marking
        self.sheets, self.run, self.coding = sheets, run, coding
        self.timeline = drawings[0].render.scene.timeline

    def __len__(self) -> int:
        return len(self.timeline)

    def is_changed(self, i: int) -> bool:
        """Whether any mouth in frame i is new; known when that frame has been made."""
        return any(bool(one.log.changed[i]) for one in self.drawings)

    def make(self, parts: Sequence[range]) -> Generator[U8, None, None]:
        """The frames of parts that follow one another.

        The logs of the drawings and the sheets are filled in meanwhile. With a notice, the logs of
        all earlier frames are needed.
        """
        first = parts[0].start
        for drawing in self.drawings:
            drawing.prepare()
        with single_threaded_drawing():
            yield from self.marking.label(
                self._make(parts), self.is_changed, self.info, first, self.coding
            )

    def _make(self, parts: Sequence[range]) -> Iterator[U8]:
        timer = self.run.timer
        with closing(self.read_target(range(parts[0].start, parts[-1].stop))) as decoded:
            ahead = timer.each("wait", read_ahead(timer.each("decode", decoded)))
            for part in parts:
                kept: dict[int, U8] = {}
                frames = self._keep_shown(islice(ahead, len(part)), part, kept)
                for drawing in self.drawings:  # each on top of what the one before made
                    frames = drawing.apply(frames, part)
                for i, frame in zip(part, frames, strict=True):
                    if i in kept:
                        self.show(i, kept.pop(i), frame)
                    self.run.report("render", i + 1, len(self))
                    yield frame

    def _keep_shown(self, frames: Iterable[U8], part: range, kept: dict[int, U8]) -> Iterator[U8]:
        """The frames; a copy of those that a sheet shows is kept, for they will be drawn into."""
        for i, frame in zip(part, frames, strict=True):
            if self.is_shown(i):
                kept[i] = frame.copy()
            yield frame

    def is_shown(self, i: int) -> bool:
        """Whether a sheet shows frame i."""
        return any(i in sheet.wanted for sheet in self.sheets)

    def read_target(self, part: range) -> Generator[U8, None, None]:
        """The target's frames that a part shows, each the caller's to modify."""
        return read_frames_in_order(self.info, self.timeline.retimed.timing.part(part), self.coding)

    def show(self, i: int, target: U8, frame: U8) -> None:
        """Offer an output frame to the sheets."""
        target, frame = (self.coding.to_rgb(one) for one in (target, frame))
        for sheet, drawing in zip(self.sheets, self.drawings, strict=bool(self.sheets)):
            sheet.add(i, target, frame, np.asarray(drawing.render.wanted.target.to_frame[i]))
