"""One speaker's new mouth, from their speech and their face to finished frames.

    speech ─ features → lip model ─┐
                                   ├→ texture → teeth → composite
    face ─ alignment → mouth bank ─┘
       └→ adaptation ─ weights for the lip model

`prepare_speaker` does what is done once for the whole clip; `speaker_drawing` then puts the mouth
into frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lipsync.face import landmarks
from lipsync.marks.origin import ModelCard
from lipsync.mouth.decoder import decoder_texture
from lipsync.mouth.decoder.network import MouthDecoder
from lipsync.mouth.finish.visibility import Visibility, measure_visibility
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.options import RenderOptions
from lipsync.pipelines.person import Person
from lipsync.pipelines.speaker_drawing import MouthDrawing
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
from lipsync.report.render_report import SpeakerReport
from lipsync.runtime.context import RunContext
from lipsync.runtime.positions import sample_at
from lipsync.types import (
    F32,
)


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

    def drawing(self, options: RenderOptions) -> MouthDrawing:
        """What is needed to draw it."""
        wanted = replace(self.wanted, face=self.wanted.face.reduced())
        return self.material.drawing(wanted, self.visible, self.scene.timeline.times, options)

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

    def report(self) -> SpeakerReport:
        """What is to be told of this mouth, whatever its frames will show."""
        alignment, appearance = self.role.person.face.alignment, self.material.appearance
        return SpeakerReport(
            name=self.role.part.speaker.name,
            adaptation=self.lips.choice.line,
            models=tuple(self.model_cards()),
            unchanged=self.count_unchanged(),
            visible=self.visible,
            rate=self.scene.timeline.mean_rate,
            videos=tuple(video.info for video in self.material.footage.videos),
            footage_notes=(
                *diagnostics.warn_of_speech(bool(len(self.role.speech.spans))),
                *diagnostics.warn_of_others(appearance),
            ),
            notes=(*diagnostics.warn_of_hard_target(alignment, appearance), *self.notes),
        )


def prepare_speaker(
    role: Role, scene: RenderScene, options: RenderOptions, run: RunContext
) -> SpeakerRender:
    """Plan what one speaker's mouth does and what it is made from.

    Raises:
        LipsyncError: something that the caller can mend.
    """
    timer, order = run.timer, scene.timeline.order
    lips = plan_lips(role, scene, options, run)
    material = collect_material(role.person, scene.speech, lips.model, options, run)
    with timer.stage("visibility"):
        track, seen = role.person.face.track, material.appearance
        where = measure_visibility(track, seen.outlier_score, options.shown, seen.occluders)
        visible = lips.visible * sample_at(where.weight, order)
    with timer.stage("jaw"):
        wanted = material.want_mouths(
            role.person.face, order, lips.shown, visible, lips.phones, where, options
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
