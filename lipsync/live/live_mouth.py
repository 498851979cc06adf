"""Live lips drawn into the target's frames, block by block."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import islice

import numpy as np

from lipsync.live.live_lips import LipBlock
from lipsync.live.live_target import LiveTarget
from lipsync.marks.watermark import Watermark
from lipsync.media.frame_order import read_frames_in_order
from lipsync.options import RenderOptions
from lipsync.pipelines.speaker_drawing import LEAD_S, MouthDrawing, SpeakerDrawing
from lipsync.runtime.positions import sample_at
from lipsync.runtime.threads import single_threaded_drawing
from lipsync.runtime.timer import StageTimer
from lipsync.types import U8, Bools, LipTrack

RUN_S = 600  # of target frames, whose order is handed to the decoder at once


class LiveMouth:
    """Draws blocks that follow one another."""

    def __init__(
        self,
        target: LiveTarget,
        options: RenderOptions,
        mark: Watermark | None,
        timer: StageTimer,
    ) -> None:
        """`mark`: put into every new mouth."""
        self._target, self._options, self._mark, self._timer = target, options, mark, timer
        self._source = target.open_source(options.texture)
        self._lead = round(LEAD_S * target.info.fps)
        self._before: LipBlock | None = None  # the frames before the next block
        self._frames = self._read_target()

    def draw(self, block: LipBlock) -> tuple[list[U8], Bools]:
        """Its frames, (h, w, 3) RGB, each the caller's, and which of them have a new mouth."""
        drawn = block if self._before is None else _join(self._before, block)
        lead = len(drawn) - len(block)
        part = range(lead, len(drawn))
        drawing = SpeakerDrawing(
            self._plan(drawn), self._target.info, self._mark, source=self._source, scored=False
        )
        own = islice(self._frames, len(block))
        with single_threaded_drawing():
            frames = list(drawing.apply(own, part, self._timer))
        self._before = _last(drawn, self._lead)
        return frames, drawing.log.changed[lead:]

    def close(self) -> None:
        """Stop decoding."""
        self._frames.close()

    def _plan(self, block: LipBlock) -> MouthDrawing:
        """What is drawn into the frames of a block."""
        target, options, material = self._target, self._options, self._target.material
        visible = block.visible * sample_at(target.where.weight, block.order)
        wanted = material.want_mouths(
            target.face, block.order, block.lips, visible, block.phones, target.where, options
        )
        times = np.arange(block.first, block.first + len(block)) / float(target.info.fps)
        return material.drawing(wanted, visible, times, options, block.first)

    def _read_target(self) -> Generator[U8, None, None]:
        """The target's frames in the order in which they are shown, without end."""
        info = self._target.info
        first, count = 0, max(1, round(RUN_S * info.fps))
        while True:
            with closing(read_frames_in_order(info, self._target.timing(first, count))) as frames:
                yield from frames
            first += count


def _join(one: LipBlock, other: LipBlock) -> LipBlock:
    """Two blocks that follow one another, as one."""
    return LipBlock(
        one.first,
        np.concatenate([one.order, other.order]),
        LipTrack(np.concatenate([one.lips.points, other.lips.points]), one.lips.rate),
        np.concatenate([one.visible, other.visible]),
        np.concatenate([one.phones, other.phones]),
    )


def _last(block: LipBlock, count: int) -> LipBlock:
    """The last frames of a block."""
    skip = max(0, len(block) - count)
    return LipBlock(
        block.first + skip,
        block.order[skip:],
        LipTrack(block.lips.points[skip:], block.lips.rate),
        block.visible[skip:],
        block.phones[skip:],
    )
