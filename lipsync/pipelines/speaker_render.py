"""One speaker's new mouth, from their speech and their face to finished frames.

    speech ─ features → lip model ─┐
                                   ├→ texture → teeth → composite
    face ─ alignment → mouth bank ─┘
       └→ adaptation ─ weights for the lip model

`prepare_speaker` does what is done once for the whole clip; `SpeakerDrawing` puts the mouth into a
stream of frames. With several speakers each works on the frames that the one before made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from lipsync.face import landmarks
from lipsync.marks.origin import ModelCard
from lipsync.marks.watermark import Watermark
from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.mouth import texture
from lipsync.mouth.decoder import decoder_texture
from lipsync.mouth.decoder.network import MouthDecoder
from lipsync.mouth.finish.composite import Compositor, fade, find_boxes
from lipsync.mouth.finish.jaw_warp import predict_jaw_offsets
from lipsync.mouth.finish.teeth import finish_teeth
from lipsync.mouth.finish.visibility import Visibility, measure_visibility
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.options import RenderOptions
from lipsync.pipelines.person import Person
from lipsync.pipelines.speaker_plan import (
    Material,
    PlannedLips,
    RenderScene,
    Role,
    collect_material,
    plan_lips,
)
from lipsync.report import diagnostics
from lipsync.report.diagnostics import UnchangedFrames
from lipsync.runtime.context import RunContext
from lipsync.runtime.positions import sample_at
from lipsync.runtime.prefetch import read_ahead
from lipsync.types import (
    F32,
    U8,
    Bools,
    LipTrack,
    Patch,
)

# Before a part, patches are drawn that are not shown: the sharpness of the first one that is shown
# depends on those before it.
LEAD_S = 0.5


@dataclass(eq=False)
class FrameLog:
    """What happened to each of n output frames; filled in while they are made."""

    changed: Bools  # (n,), the mouth is new
    distances: F32  # (n,), of the nearest real mouth from the wanted one

    @staticmethod
    def empty(n: int) -> FrameLog:
        """A log of n frames."""
        return FrameLog(np.zeros(n, bool), np.zeros(n, np.float32))

    def record_distances(
        self, patches: Iterable[Patch | None], first: int
    ) -> Iterator[Patch | None]:
        """Pass patches from `first` on and note how far their nearest real mouths were."""
        for i, patch in enumerate(patches, first):
            if patch is not None:
                self.distances[i] = patch.distance
            yield patch


@dataclass(frozen=True, eq=False)
class SpeakerRender:
    """The plan of one speaker's mouth, complete before the first frame is made."""

    role: Role
    scene: RenderScene
    lips: PlannedLips
    material: Material
    where: Visibility  # of the new mouth in the target's frames
    wanted: WantedMouths
    visible: F32  # (n,) 0..1, in the output's frames
    notes: tuple[str, ...]

    def model_cards(self) -> list[ModelCard]:
        """Of the speech model that moves the mouth, and of the decoder that draws it, if any."""
        cards = [ModelCard.of(self.lips.model.meta, self.lips.choice.weights)]
        decoder = self.scene.texture_model
        if isinstance(decoder, MouthDecoder) and decoder.path is not None:
            cards.append(ModelCard.of(decoder.meta, decoder.path))
        return cards

    def count_unchanged(self) -> UnchangedFrames:
        """How many frames of this speaker keep the target's own mouth, and why."""
        order, person = self.scene.timeline.order, self.role.person
        found, where = person.face.found, self.where
        elsewhere = landmarks.shows_other_faces(person.faces, person.face.track)
        wanted = self.lips.in_spans > 0
        missing = ~sample_at(found, order)
        others, turned, covered = (
            sample_at(flags, order)
            for flags in (elsewhere, where.turned_away & found, where.occluded)
        )
        counts = [int((wanted & one).sum()) for one in (missing, others, turned, covered)]
        return UnchangedFrames(int(wanted.sum()), *counts)

    def uncovered_spans(self, log: FrameLog) -> tuple[tuple[float, float], ...]:
        """Spans (s) in which the footage had no mouth near the wanted one."""
        rate = self.scene.timeline.mean_rate
        return diagnostics.uncovered_spans(log.distances, self.visible, rate)

    def warnings(self, log: FrameLog) -> Iterator[str]:
        """What the user should know about this mouth, with its speaker's name."""
        thin_s = sum(end - first for first, end in self.uncovered_spans(log))
        alignment, appearance = self.role.person.face.alignment, self.material.appearance
        unchanged = self.count_unchanged()
        if unchanged.hidden:  # nothing else matters then
            yield from (self.role.part.label(line) for line in unchanged.warnings())
            return
        lines = (
            *unchanged.warnings(),
            *diagnostics.warn_of_speech(bool(len(self.role.speech.spans))),
            *diagnostics.warn_of_footage(appearance, thin_s),
            *diagnostics.warn_of_hard_target(alignment, appearance),
            *self.notes,
        )
        yield from (self.role.part.label(line) for line in lines)

    def lips_for_sheet(self) -> LipTrack:
        """The predicted lips where they are wanted, elsewhere a mouth that does not move."""
        points, wanted = self.lips.predicted.points.copy(), self.lips.in_spans > 0
        points[~wanted] = np.median(points[wanted], axis=0)
        return LipTrack(points, self.lips.predicted.rate)


class SpeakerDrawing:
    """One speaker's mouth being drawn into frames, part by part.

    A part is the same whatever was drawn before it: it can be made in another run, or elsewhere.
    """

    def __init__(
        self,
        render: SpeakerRender,
        options: RenderOptions,
        run: RunContext,
        mark: Watermark | None = None,
        coding: FrameCoding = RGB,
    ) -> None:
        """`mark`: put into every new mouth; `coding`: of the frames."""
        self.render, self._options, self._run, self._mark = render, options, run, mark
        self.log = FrameLog.empty(len(render.wanted))
        model, info = render.scene.texture_model, render.scene.info
        self._coding, self._shape = coding, (info.height, info.width)
        target = render.wanted.target
        self._corners, self._sizes = find_boxes(target, info.width, info.height, options.composite)
        self._target = target.within(self._corners)
        self._source = texture.open_texture(render.material.bank, options.texture, model)

    def prepare(self) -> None:
        """Do once what all frames need."""
        with self._run.timer.stage("appearance"):
            self._source.prepare(self.render.wanted)

    def apply(self, frames: Iterable[U8], part: range) -> Iterator[U8]:
        """The frames of a part with this mouth, changed in place; others pass untouched."""
        render, timer = self.render, self._run.timer
        material, wanted, options = render.material, render.wanted, self._options
        lead = range(max(0, part.start - round(LEAD_S * render.scene.info.fps)), part.stop)
        drawn = timer.each("texture", self._source.draw_patches(wanted, lead))
        patches = finish_teeth(
            drawn, wanted, material.teeth, material.sharpness, options.teeth, lead.start
        )
        patches = islice(patches, part.start - lead.start, None)
        patches = self.log.record_distances(timer.each("teeth", patches), part.start)
        patches = fade(patches, render.visible[part.start : part.stop])
        compositor = Compositor(
            self._target,
            options.composite,
            wanted.jaw_offsets,
            occluders=material.appearance.occluders if options.shown.occlusion else None,
            lips=wanted.lips.points,
            first=part.start,
            frame_shape=self._shape,
        )
        ahead = timer.each("wait", read_ahead(patches))
        for i, frame, patch in zip(part, frames, ahead, strict=True):
            if patch is not None:
                with timer.stage("composite"):
                    self._put(frame, i, patch, compositor)
            yield frame

    def _put(self, frame: U8, i: int, patch: Patch, compositor: Compositor) -> None:
        """Put a patch, and the mark, into output frame i."""
        (x, y), (width, height) = self._corners[i].tolist(), self._sizes[i].tolist()
        if width == 0:
            return
        box = x, y, width, height
        own = self._coding.cut(frame, box)
        made = compositor.composite(i, own, patch.within(self._corners[i]))
        if made.alpha is None:
            return
        self.log.changed[i] = True
        if self._mark is not None:
            to_box, time = self._target.to_frame[i], self.render.scene.timeline.times[i]
            with self._run.timer.stage("watermark"):
                self._mark.embed(made.frame, to_box, time, made.alpha, made.corner)
        self._coding.paste(frame, box, own, made.frame)


def prepare_speaker(
    role: Role, scene: RenderScene, options: RenderOptions, run: RunContext
) -> SpeakerRender:
    """Plan what one speaker's mouth does and what it is made from.

    Raises:
        LipsyncError: something that the caller can mend.
    """
    timer, target = run.timer, role.person.face.at(scene.timeline.order)
    lips = plan_lips(role, scene, options, run)
    material = collect_material(role, scene, lips.model, options, run)
    with timer.stage("visibility"):
        track, seen = role.person.face.track, material.appearance
        where = measure_visibility(track, seen.outlier_score, options.shown, seen.occluders)
        visible = lips.visible * sample_at(where.weight, target.order)
    with timer.stage("jaw"):
        offsets = predict_jaw_offsets(material.bank, lips.shown, target, options.jaw)
        if offsets is not None:  # no jump where the target's own mouth returns
            offsets *= (visible * sample_at(where.jaw, target.order))[:, None, None]
    wanted = WantedMouths(
        lips=lips.shown,
        face=role.person.face,
        order=target.order,
        phones=lips.phones,
        jaw_offsets=offsets,
        skin_color=sample_at(material.appearance.skin_color, target.order),
    )
    notes = (
        *_warn_of_decoder(role.person, scene.texture_model),
        *diagnostics.warn_of_given_teeth(options.teeth.teeth, material.teeth),
    )
    return SpeakerRender(role, scene, lips, material, where, wanted, visible, notes)


def _warn_of_decoder(person: Person, model: Any) -> Iterator[str]:
    """A warning if the decoder that draws the mouth was trained on another person."""
    if isinstance(model, MouthDecoder):
        scheme = person.face.scheme.name
        note = decoder_texture.find_mismatch(model, person.thumbnails, scheme)
        yield from [note] if note else []
