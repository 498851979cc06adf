"""The frames of an output, part by part: target frames in order, every speaker's mouth.

A part's frames are the same whichever parts were made before it, and in whichever process.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from lipsync.media.frame_coding import FrameCoding
from lipsync.media.frame_order import read_frames_in_order
from lipsync.pipelines.speaker_drawing import SpeakerDrawing
from lipsync.runtime.cache import Cache
from lipsync.runtime.prefetch import read_ahead
from lipsync.runtime.threads import single_threaded_drawing
from lipsync.runtime.timer import StageTimer
from lipsync.types import U8, Timing, VideoInfo


class FrameMaking:
    """Makes the frames of one output. Once prepared it can be sent to other processes."""

    def __init__(
        self,
        info: VideoInfo,
        timing: Timing,
        drawings: Sequence[SpeakerDrawing],
        coding: FrameCoding,
    ) -> None:
        """Prepare to make frames.

        Args:
            info: of the target.
            timing: which of its frames every output frame shows.
            drawings: one per speaker.
            coding: of the frames.
        """
        self.info, self.timing, self.drawings, self.coding = info, timing, drawings, coding

    def __len__(self) -> int:
        return len(self.timing)

    def is_changed(self, i: int) -> bool:
        """Whether any mouth in frame i is new; known when that frame has been made."""
        return any(bool(one.log.changed[i]) for one in self.drawings)

    def is_portable(self) -> bool:
        """Whether other processes can make parts: not where a network draws, on its device."""
        return all(drawing.model is None for drawing in self.drawings)

    def prepare(self, cache: Cache) -> None:
        """Do once what all frames need; what is learned goes to the cache."""
        for drawing in self.drawings:
            drawing.prepare(cache)

    def learned(self) -> list[Any]:
        """What was learned of every speaker's mouths, for `adopt` in another process."""
        return [drawing.learned() for drawing in self.drawings]

    def adopt(self, learned: Sequence[Any]) -> None:
        """Take what was learned elsewhere, instead of `prepare`."""
        for drawing, one in zip(self.drawings, learned, strict=True):
            drawing.adopt(one)

    def make(self, part: range, timer: StageTimer) -> Generator[U8, None, None]:
        """The frames of a part, each the caller's; the logs of the drawings are filled in."""
        with single_threaded_drawing(), closing(self.read_target(part)) as decoded:
            frames = timer.each("wait", read_ahead(timer.each("decode", decoded)))
            for drawing in self.drawings:  # each on top of what the one before made
                frames = drawing.apply(frames, part, timer)
            yield from frames

    def read_target(self, part: range) -> Generator[U8, None, None]:
        """The target's frames that a part shows, each the caller's to modify."""
        return read_frames_in_order(self.info, self.timing.part(part), self.coding)
