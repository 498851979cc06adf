"""What a speaker's lips do, and what the mouth is made from: all that is known before frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.errors import NoFaceError
from lipsync.face import head_pose
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.frame_times import resample_regularly
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.finish.jaw_warp import predict_jaw_offsets
from lipsync.mouth.finish.sharpen import Sharpness, learn_sharpness
from lipsync.mouth.finish.teeth_relief import NO_TEETH, Teeth, find_teeth
from lipsync.mouth.finish.visibility import Visibility
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.options import RenderOptions
from lipsync.pipelines import adapt
from lipsync.pipelines.person import Person, collect_given_teeth, gather_footage
from lipsync.pipelines.speaker_drawing import MouthDrawing
from lipsync.retime.timeline import OutputTimeline
from lipsync.runtime.context import RunContext
from lipsync.runtime.positions import sample_at
from lipsync.speech import features, silence
from lipsync.speech.articulation import predict_speech
from lipsync.speech.features.phone_embedding import PHONE_SPEC, embed_phones
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.vad import SpeechSegments
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import (
    F32,
    FootageAppearance,
    LipTrack,
    MouthBank,
    Positions,
    VideoInfo,
    Waveform,
)


@dataclass(frozen=True, eq=False)
class RenderScene:
    """What all speakers of a render have in common."""

    info: VideoInfo  # the target
    speech: VideoSpeech  # its own sound
    timeline: OutputTimeline  # what the output shows of it, and when
    texture_model: Any  # see `texture.load_model`


@dataclass(frozen=True, eq=False)
class Role:
    """Who speaks what, with which face."""

    part: SpeakerPart
    wave: Waveform  # what is heard, on the output's time line
    speech: SpeechSegments  # where speech was detected in it
    person: Person


@dataclass(frozen=True, eq=False)
class PlannedLips:
    """What a speaker's lips do; n output frames."""

    choice: adapt.Choice
    model: LipLSTM
    predicted: LipTrack  # (n), as the speech model has them
    shown: LipTrack  # (n), as they are shown: at rest in pauses, on the head's pose; NaN: none
    visible: F32  # (n,) 0..1
    in_spans: F32  # (n,) 0..1, how much of the new mouth the speaker's spans want
    phones: F32 | None  # (n, p), phone embedding of the speech


@dataclass(frozen=True, eq=False)
class Material:
    """What a speaker's mouth is made from."""

    footage: Footage
    bank: MouthBank
    appearance: FootageAppearance  # of the target's frames
    teeth: Teeth  # rows that lend their relief
    sharpness: Sharpness  # of the person's own mouths

    def want_mouths(
        self, face: TrackedFace, order: Positions, lips: LipTrack, visible: F32,
        phones: F32 | None, where: Visibility, options: RenderOptions,
    ) -> WantedMouths:  # fmt: skip
        """The mouths of n output frames, and the target's jaw under them.

        Args:
            order: (n,), target frames; lips: (n), as they are shown; visible: (n,) 0..1.
            where: the new mouth may be seen in the target's frames.
        """
        offsets = predict_jaw_offsets(self.bank, lips, face.at(order), options.jaw)
        if offsets is not None:  # no jump where the target's own mouth returns
            offsets *= (visible * sample_at(where.jaw, order))[:, None, None]
        skin = sample_at(self.appearance.skin_color, order)
        return WantedMouths(lips, face, order, phones, offsets, skin)

    def drawing(
        self, wanted: WantedMouths, visible: F32, times: NDArray[np.float64],
        options: RenderOptions, first: int = 0,
    ) -> MouthDrawing:  # fmt: skip
        """What is needed to draw them; see `MouthDrawing`."""
        return MouthDrawing(
            wanted=wanted,
            visible=visible,
            times=times,
            bank=self.bank,
            teeth=self.teeth,
            sharpness=self.sharpness,
            occluders=self.appearance.occluders if options.shown.occlusion else None,
            texture=options.texture,
            finish=options.teeth,
            composite=options.composite,
            first=first,
        )


def plan_lips(
    role: Role, scene: RenderScene, options: RenderOptions, run: RunContext
) -> PlannedLips:
    """Predict a speaker's lips and settle them: rest in pauses, the head's pose, spans.

    Raises:
        NoFaceError: the face is in none of the frames in which it is to speak.
    """
    timer, timeline, face = run.timer, scene.timeline, role.person.face
    in_spans = role.part.blend_weight(timeline.times, options.spans.span_fade, timeline.end)
    _check_seen_in_spans(role, in_spans, timeline)
    with timer.stage("adapt"):
        own = resample_regularly(face.lips, scene.info)
        choice = adapt.choose_weights(scene.speech, own, options, run)
    with timer.stage("features"):
        heard = features.extract(role.wave, choice.model.spec)
    with timer.stage("lips"):
        profile = LipProfile.of(face.lips)
        rate, steps = timeline.rate, timeline.steps
        length = rate, len(steps)
        predicted = predict_speech(
            choice.model, heard, role.speech, profile, length, options.articulation
        )
        still = silence.still_mouth(face.lips, profile, options.silence)
        own_at_steps = sample_at(face.lips.points, steps)
        settled, seen = silence.close_in_pauses(
            predicted, role.speech, still, own_at_steps, options.silence
        )
        shown = timeline.sample_lips(settled, scene.info.fps)
        shown = head_pose.turn_lips(shown, face, timeline.order)
        own_at_frames = sample_at(face.lips.points, timeline.order)
        shown, visible = silence.blend_at_spans(
            shown, timeline.sample(seen), in_spans, own_at_frames
        )
        phones = embed_phones(features.extract(role.wave, PHONE_SPEC), timeline.times)
    return PlannedLips(
        choice=choice,
        model=choice.model,
        predicted=timeline.sample_lips(predicted, scene.info.fps),
        shown=shown,
        visible=visible,
        in_spans=in_spans,
        phones=phones,
    )


def _check_seen_in_spans(role: Role, in_spans: F32, timeline: OutputTimeline) -> None:
    """Stop early where nothing could be changed.

    Raises:
        NoFaceError: no frame in which the speaker speaks shows the face.
    """
    face, part = role.person.face, role.part
    if sample_at(face.found, timeline.order)[in_spans > 0].any():
        return
    seconds = len(timeline) / float(face.fps)
    where = "any of its spans" if part.spans is not None else f"the first {seconds:.1f} s"
    raise NoFaceError(
        part.label(f"the face ({part.speaker.face}) is not seen in {where}; choose another")
    )


def collect_material(
    person: Person, speech: VideoSpeech, model: LipLSTM, options: RenderOptions, run: RunContext
) -> Material:
    """Gather the person's footage, and what its mouths lend: crops, teeth, sharpness.

    Args:
        speech: the target's own sound.
        model: with which the lips are predicted.

    Raises:
        NoFaceError: a reference does not show the person.
    """
    timer = run.timer
    with timer.stage("mouth bank"):
        references = options.footage.reference
        footage = gather_footage(person, speech, references, options.landmarks, run)
        bank, appearance = footage.collect_bank(options.bank, run.cache, model)
    with timer.stage("teeth rows"):
        teeth = NO_TEETH
        if options.teeth.teeth != "off":
            name = options.teeth.teeth
            given = collect_given_teeth(name, person, options.landmarks, options.bank, run)
            teeth = find_teeth(bank, given)
        sharpness = learn_sharpness(bank)
    return Material(footage, bank, appearance.of_target(len(person.face)), teeth, sharpness)
