"""Everything that an inspection measures of one face: pictures, lips, sound."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from lipsync.errors import AudioError
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.face_view import MIN_SCALE, view_scale
from lipsync.inspection.measures import PictureWatch
from lipsync.inspection.picture_pass import Values, measure_frames
from lipsync.inspection.scoring import Measured
from lipsync.inspection.track_measures import explain, track_measures
from lipsync.media import read_frames
from lipsync.pipelines.person import Person
from lipsync.runtime.context import RunContext
from lipsync.runtime.prefetch import read_ahead
from lipsync.speech import lip_model
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.video_speech import VideoSpeech


def measure_person(
    person: Person, watches: Sequence[PictureWatch], run: RunContext
) -> tuple[Measured, dict[str, str]]:
    """All measures of one face, and the reasons for those that cannot be given."""
    pictures = measure_pictures(person, watches, run)
    measured, reasons = measure_lips(person, pictures, watches, run)
    for watch in watches:
        explain_watch = getattr(watch, "reasons", None)
        reasons |= explain_watch() if explain_watch is not None else {}
    scale = view_scale(person.face)
    if scale < MIN_SCALE:
        small = f"the face is too small: {scale:.0f} pixels between the outer eye corners"
        reasons |= {one.name: small for watch in watches for one in watch.measures}
    return measured, reasons


def measure_pictures(person: Person, watches: Sequence[PictureWatch], run: RunContext) -> Values:
    """Every picture measure of every frame."""
    with run.timer.stage("pictures"), closing(read_frames(person.info)) as frames:
        return measure_frames(read_ahead(frames), person.face, watches, run.progress)


def measure_lips(
    person: Person, pictures: Values, watches: Sequence[PictureWatch], run: RunContext
) -> tuple[Measured, dict[str, str]]:
    """Picture measures joined by those of lips and sound; reasons for those not applicable."""
    with run.timer.stage("sound"):
        evidence, reasons = collect_evidence(person)
        reasons = {**explain(evidence), **reasons}
    tracks = track_measures()
    measures = [one for watch in watches for one in watch.measures]
    measures += [one for track in tracks for one in track.measures]
    return Measured(evidence, pictures, measures, tracks), reasons


def collect_evidence(person: Person) -> tuple[Evidence, dict[str, str]]:
    """What the video shows and says; the reasons for what cannot be told from its sound."""
    speech, lips = VideoSpeech(person.info), person.face.lips
    about_sound = ("sync", "silence", "closures")
    if not speech.audible:
        why = "the video has no sound"
        return Evidence(person.face, speech, None), dict.fromkeys(about_sound, why)
    try:
        segments = speech.segments
    except AudioError as error:
        return Evidence(person.face, speech, None), dict.fromkeys(about_sound, str(error))
    if not len(segments.spans):
        why = "no speech is heard"
        return Evidence(person.face, speech, None), dict.fromkeys(("sync", "closures"), why)
    model = LipLSTM.load(lip_model.weights_path(LipOptions()))
    features = speech.features(model.spec)
    profile = LipProfile.of(lips)
    heard = lip_model.predict(model, features, profile, lips.rate, len(lips))
    return Evidence(person.face, speech, heard.opening), {}
