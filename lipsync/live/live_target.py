"""All of a target that does not depend on the speech: found once, used for every stream."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lipsync import media
from lipsync.errors import OptionsError
from lipsync.face.head_pose import HeadTurns, measure_turns
from lipsync.face.tracked_face import TrackedFace
from lipsync.media.formats import Format
from lipsync.media.frame_times import resample_regularly
from lipsync.mouth import texture
from lipsync.mouth.finish.visibility import Visibility, measure_visibility
from lipsync.mouth.texture import TextureOptions, TextureSource
from lipsync.options import RenderOptions
from lipsync.pipelines import adapt
from lipsync.pipelines.person import find_person
from lipsync.pipelines.speaker_plan import Material, collect_material
from lipsync.retime import Motion
from lipsync.retime.loops import bounce
from lipsync.runtime.context import RunContext
from lipsync.speech import silence
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, Positions, Timing, VideoInfo


@dataclass(frozen=True, eq=False)
class LiveTarget:
    """A person in a target, ready to speak whatever comes; f target frames."""

    info: VideoInfo  # frames at a constant rate
    face: TrackedFace
    turns: HeadTurns | None  # None: landmarks have no depth
    motion: Motion
    model: LipLSTM  # adapted, if that helped
    profile: LipProfile
    still: F32  # (18, 2), the mouth in silence
    material: Material
    where: Visibility
    learned: Any  # of the person's mouths, for a texture source
    notes: tuple[str, ...]

    def order(self, first: int, count: int) -> Positions:
        """Which target frames output frames first … first + count − 1 show, (count,).

        Back and forth: when the speech will pause is not known, so that heads cannot be timed to
        it.
        """
        wanted = max(first + count, self.info.frame_count + 1)
        return bounce(self.motion, wanted)[first : first + count].astype(np.float64)

    def timing(self, first: int, count: int) -> Timing:
        """The same as `read_frames_in_order` takes it."""
        return Timing.at(np.asarray(self.order(first, count), np.float64))

    def open_source(self, options: TextureOptions) -> TextureSource:
        """A texture source of its own for a stream: it remembers what it is drawing."""
        source = texture.open_texture(self.material.bank, options)
        source.adopt(True, self.learned)
        return source


def prepare_target(
    video: Path, options: RenderOptions, form: Format, run: RunContext
) -> LiveTarget:
    """Find the person, adapt the speech model, collect the mouths, learn what they look like.

    Args:
        form: of frames that are handed out.

    Raises:
        NoFaceError: no face, or not the one that the options select.
        OptionsError: the texture is drawn by a network.
        LipsyncError: something else that the caller can mend.
    """
    if options.texture.texture != "median":
        raise OptionsError(
            "live frames are drawn from the footage itself: leave --texture at median"
        )
    timer = run.timer
    with timer.stage("probe"):
        info = media.probe_target(video, options.reading, None, form, straight=False)
    with timer.stage("landmarks"):
        person = find_person(info, options.landmarks, run)
        face = person.face
        motion = Motion.of(face.track)
    speech = VideoSpeech(info)
    with timer.stage("adapt"):
        own = resample_regularly(face.lips, info)
        model = adapt.choose_weights(speech, own, options, run).model
    material = collect_material(person, speech, model, options, run)
    speech.forget()
    profile = LipProfile.of(face.lips)
    with timer.stage("visibility"):
        seen = material.appearance
        where = measure_visibility(face.track, seen.outlier_score, options.shown, seen.occluders)
    with timer.stage("appearance"):
        source = texture.open_texture(material.bank, options.texture)
        source.prepare(True, run.cache)
        learned = source.learned(True)
    deep = face.track.points.shape[-1] >= 3
    return LiveTarget(
        info=info,
        face=face,
        turns=measure_turns(face) if deep else None,
        motion=motion,
        model=model,
        profile=profile,
        still=silence.still_mouth(face.lips, profile, options.silence),
        material=material,
        where=where,
        learned=learned,
        notes=info.remarks,
    )
