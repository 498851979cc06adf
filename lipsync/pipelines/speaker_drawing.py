"""One speaker's mouth being drawn into frames, part by part: texture → teeth → composite.

With several speakers each works on the frames that the one before made. Nothing here needs a
network, or what the plan of a render was made from: a process that only draws is small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.marks.watermark import Watermark
from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.mouth import texture
from lipsync.mouth.finish.composite import CompositeOptions, Compositor, fade, find_boxes
from lipsync.mouth.finish.mouth_scores import SCORES, MouthScorer
from lipsync.mouth.finish.sharpen import Sharpness
from lipsync.mouth.finish.teeth import TeethOptions, finish_teeth
from lipsync.mouth.finish.teeth_relief import Teeth
from lipsync.mouth.texture import TextureOptions, TextureSource
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.runtime.prefetch import read_ahead
from lipsync.runtime.timer import StageTimer
from lipsync.types import F32, U8, Bools, Box, MouthBank, Occluders, Patch, VideoInfo

# Before a part, patches are drawn that are not shown: the sharpness of the first one that is shown
# depends on those before it.
LEAD_S = 0.5


@dataclass(eq=False)
class FrameLog:
    """What happened to each of n output frames; filled in while they are made."""

    changed: Bools  # (n,), the mouth is new
    distances: F32  # (n,), of the nearest real mouth from the wanted one
    scores: F32  # (n, k), of the new mouth, see `mouth_scores.SCORES`; NaN: unknown

    @staticmethod
    def empty(n: int) -> FrameLog:
        """A log of n frames."""
        scores = np.full((n, len(SCORES)), np.nan, np.float32)
        return FrameLog(np.zeros(n, bool), np.zeros(n, np.float32), scores)

    def record_distances(
        self, patches: Iterable[Patch | None], first: int
    ) -> Iterator[Patch | None]:
        """Pass patches from `first` on and note how far their nearest real mouths were."""
        for i, patch in enumerate(patches, first):
            if patch is not None:
                self.distances[i] = patch.distance
            yield patch


@dataclass(frozen=True, eq=False)
class MouthDrawing:
    """What is drawn into the n frames of an output for one speaker, and how."""

    wanted: WantedMouths
    visible: F32  # (n,) 0..1
    times: NDArray[np.float64]  # (n,), when each frame is shown, seconds
    bank: MouthBank
    teeth: Teeth
    sharpness: Sharpness
    occluders: Occluders | None  # what may lie before the face; None: nothing is kept
    texture: TextureOptions
    finish: TeethOptions
    composite: CompositeOptions
    first: int = 0  # number of the first of them in the output, if it is drawn piece by piece


class SpeakerDrawing:
    """Draws one speaker's mouth.

    A part is the same whatever was drawn before it: it can be made in another run, or elsewhere.
    """

    def __init__(
        self,
        drawing: MouthDrawing,
        info: VideoInfo,
        mark: Watermark | None = None,
        coding: FrameCoding = RGB,
        model: Any = None,
        source: TextureSource | None = None,
        scored: bool = True,
    ) -> None:
        """Prepare to draw.

        Args:
            info: of the target.
            mark: put into every new mouth.
            coding: of the frames.
            model: of the texture, from `texture.load_model`.
            source: of the texture, of this bank and these options; None: a new one.
            scored: the log gets the scores of every new mouth.
        """
        self._drawing, self._mark, self._coding, self._info = drawing, mark, coding, info
        self.model, self._scored = model, scored
        self.log = FrameLog.empty(len(drawing.wanted))
        target = drawing.wanted.target
        self._corners, self._sizes = find_boxes(target, info.width, info.height, drawing.composite)
        self._target = target.within(self._corners)
        self._source = source or texture.open_texture(drawing.bank, drawing.texture, model)

    @property
    def head(self) -> F32:
        """The face in every output frame, canonical → pixels, (n, 2, 3)."""
        return self._drawing.wanted.target.to_frame

    @property
    def times(self) -> NDArray[np.float64]:
        """When every output frame is shown, (n,) seconds."""
        return self._drawing.times

    def box(self, i: int) -> Box:
        """What of output frame i may change; of width 0: nothing."""
        (x, y), (width, height) = self._corners[i].tolist(), self._sizes[i].tolist()
        return x, y, width, height

    def prepare(self, cache: Cache) -> None:
        """Do once what all frames need."""
        self._source.prepare(self._drawing.wanted.heard, cache)

    def learned(self) -> Any:
        """What was learned of the person's mouths, for `adopt` elsewhere."""
        return self._source.learned(self._drawing.wanted.heard)

    def adopt(self, learned: Any) -> None:
        """Take what was learned elsewhere, instead of `prepare`."""
        self._source.adopt(self._drawing.wanted.heard, learned)

    def apply(self, frames: Iterable[U8], part: range, timer: StageTimer) -> Iterator[U8]:
        """The frames of a part with this mouth, changed in place; others pass untouched."""
        drawing, wanted = self._drawing, self._drawing.wanted
        lead = range(max(0, part.start - round(LEAD_S * self._info.fps)), part.stop)
        drawn = timer.each("texture", self._source.draw_patches(wanted, lead))
        patches = finish_teeth(
            drawn, wanted, drawing.teeth, drawing.sharpness, drawing.finish, lead.start
        )
        patches = islice(patches, part.start - lead.start, None)
        patches = self.log.record_distances(timer.each("teeth", patches), part.start)
        patches = fade(patches, drawing.visible[part.start : part.stop])
        compositor = Compositor(
            self._target,
            drawing.composite,
            wanted.jaw_offsets,
            occluders=drawing.occluders,
            lips=wanted.lips.points,
            first=drawing.first + part.start,
            frame_shape=(self._info.height, self._info.width),
        )
        scorer = MouthScorer(self._target, wanted.skin_color) if self._scored else None
        ahead = timer.each("wait", read_ahead(patches))
        for i, frame, patch in zip(part, frames, ahead, strict=True):
            if patch is not None:
                with timer.stage("composite"):
                    self._put(frame, i, patch, (compositor, scorer), timer)
            yield frame

    def _put(
        self, frame: U8, i: int, patch: Patch, tools: tuple[Compositor, MouthScorer | None],
        timer: StageTimer,
    ) -> None:  # fmt: skip
        """Put a patch, and the mark, into output frame i."""
        box = self.box(i)
        if box[2] == 0:
            return
        compositor, scorer = tools
        own = self._coding.cut(frame, box)
        made = compositor.composite(i, own, patch.within(self._corners[i]))
        if made.alpha is None:
            return
        self.log.changed[i] = True
        if scorer is not None:
            with timer.stage("scores"):
                self.log.scores[i] = scorer.score(i, made, self._drawing.wanted.lips.points[i])
        if self._mark is not None:
            to_box, time = self._target.to_frame[i], self._drawing.times[i]
            with timer.stage("watermark"):
                self._mark.embed(made.frame, to_box, time, made.alpha, made.corner)
        self._coding.paste(frame, box, own, made.frame)
