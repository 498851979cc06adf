"""Finished frames while the sound is still arriving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from lipsync.live.events import Watch
from lipsync.live.live_lips import LiveLips
from lipsync.live.live_mouth import LiveMouth
from lipsync.live.live_sound import LiveSound
from lipsync.live.live_target import LiveTarget
from lipsync.marks.marking import Marking
from lipsync.marks.origin import GENERATED_MOUTH, derive_record_id, write_id
from lipsync.media import Output
from lipsync.media.formats import FORMATS
from lipsync.options import RenderOptions
from lipsync.runtime.threads import steady_threads
from lipsync.runtime.timer import StageTimer
from lipsync.types import U8

FORM = FORMATS["/"]  # of frames that are handed out: RGB at a constant rate
SOUND = "sound of a stream"  # in the id's facts, where a render has the hash of its sound


class FrameStream:
    """An iterator over the frames of a sound, (h, w, 3) RGB, each the caller's.

    Frame i is shown at i / `fps` seconds of the sound. The next frames are made when they are asked
    for, in the thread that asks; until enough sound has come for them, it is read. Close it, or use
    it with `with`, if not all frames are taken.
    """

    def __init__(
        self,
        target: LiveTarget,
        pieces: Iterable[Any],
        rate: int,
        options: RenderOptions,
        watch: Watch,
    ) -> None:
        """See `Renderer.render_frames`."""
        self.fps: Fraction = target.info.fps
        self.width, self.height = target.info.width, target.info.height
        self.warnings = target.notes
        self._target, self._options, self._watch = target, options, watch
        self._pieces = iter(pieces)
        self._sound = LiveSound(rate)
        self._changed: list[bool] = []
        self._marking = _plan_marking(target.info.path, options)
        self._closing = ExitStack()
        self._frames = self._marking.label(self._make(), self._changed.__getitem__, target.info)

    @property
    def record(self) -> str:
        """The id that the watermark hides in every new mouth, 12 hexadecimal digits."""
        return write_id(self._marking.record_id)

    @property
    def changed(self) -> tuple[bool, ...]:
        """Of every frame that was made so far: whether its mouth is new."""
        return tuple(self._changed)

    def __iter__(self) -> Iterator[U8]:
        return self

    def __next__(self) -> U8:
        return next(self._frames)

    def __enter__(self) -> FrameStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the target; there are no more frames."""
        self._frames = iter(())
        self._closing.close()

    def _make(self) -> Iterator[U8]:
        lips = LiveLips(self._target, self._sound, self._options)
        mouth = LiveMouth(self._target, self._options, self._marking.watermark(), StageTimer())
        self._closing.callback(mouth.close)
        with self._closing:
            while True:
                self._listen(lips.needed)
                with steady_threads():  # not while the caller has a frame
                    block = lips.make()
                    if block is None:
                        return
                    frames, changed = mouth.draw(block)
                self._changed += changed.tolist()
                yield from frames
                self._watch.report("frames", block.first + len(block), None)

    def _listen(self, needed: int) -> None:
        """Read sound until so many samples have come, or the last."""
        while self._sound.count < needed:
            self._watch.check()
            try:
                piece = next(self._pieces)
            except StopIteration:
                self._sound.finish()
                return
            self._sound.push(piece)


def _plan_marking(target: Path, options: RenderOptions) -> Marking:
    """The marks of frames: what is hidden in them, and what is written on them."""
    record_id = derive_record_id(GENERATED_MOUTH, [target], options.decisive() | {"audio": SOUND})
    output = Output(Path(), FORM)
    return Marking(output, GENERATED_MOUTH, options.marks, record_id, None)
