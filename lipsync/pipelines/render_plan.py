"""What a render decides before it makes a frame: script, length, sound, faces, time line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from lipsync import media, retime
from lipsync.dialogue import driving_audio, soundtrack, speaker_parts
from lipsync.dialogue.span_files import read_spans
from lipsync.dialogue.span_fitting import fit_spans_to_target
from lipsync.dialogue.spans import Span
from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.errors import OptionsError
from lipsync.face import landmarks
from lipsync.face.landmarks import Faces
from lipsync.face.tracked_face import TrackedFace
from lipsync.media import frame_times
from lipsync.options import RenderOptions
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.person import Person, detect_faces
from lipsync.retime import Motion
from lipsync.retime.timeline import OutputLength, OutputTimeline, TargetSpan
from lipsync.runtime.context import RunContext
from lipsync.speech import vad
from lipsync.speech.vad import SpeechSegments
from lipsync.types import FaceTrack, Speaker, VideoInfo, Waveform


@dataclass(frozen=True)
class Script:
    """Who is to speak what in which video."""

    video: Path
    parts: list[SpeakerPart]
    timed: bool  # the speech lies on the target's time line, in spans
    one_of_many: bool  # which face speaks has been said: by a speaker, or by --face
    inputs: dict[str, Path]  # role → file, as the sidecar names it
    notes: tuple[str, ...] = ()  # on the spans

    def fitted(self, parts: list[SpeakerPart]) -> Script:
        """The same with spans that lie inside the target."""
        return replace(self, parts=parts)


def read_script(
    audio: Path | None,
    video: Path,
    speakers: Sequence[Speaker],
    spans: str | Path | Sequence[Span] | None,
    options: RenderOptions,
) -> Script:
    """Read the spans and give every speaker their part.

    Raises:
        OptionsError, SpansError: they contradict one another.
    """
    notes: list[str] = []
    file = Path(spans) if isinstance(spans, (str, Path)) else None
    lines = read_spans(Path(spans), notes) if isinstance(spans, (str, Path)) else spans
    face = options.landmarks.face
    parts = speaker_parts.assign_parts(audio, speakers, lines, face)
    sounds = list(dict.fromkeys(path for part in parts for path in part.sources))
    roles = ["audio", *(f"audio {i}" for i in range(2, len(sounds) + 1))]
    inputs = {"video": video, **dict(zip(roles, sounds, strict=False))}
    if file is not None:
        inputs["spans"] = file
    chosen = bool(speakers) or face != "largest"
    return Script(video, parts, lines is not None, chosen, inputs, tuple(notes))


@dataclass(frozen=True, eq=False)
class OutputPlan:
    """Everything about the output that needs no picture of the target."""

    info: VideoInfo  # the target
    parts: list[SpeakerPart]  # with spans inside the target
    length: OutputLength
    duration: float  # seconds of the speech; with spans, of the target
    waves: list[Waveform]  # what each part's mouth follows
    segments: list[SpeechSegments]  # where speech was detected in them
    sound: media.Soundtrack
    notes: list[str]


def plan_output(
    script: Script, paths: OutputPaths, options: RenderOptions, run: RunContext, folder: Path
) -> OutputPlan:
    """Decide how long the output is, and make its sound in `folder`.

    Faults of the target are reported before those of the sound.
    """
    timer, track = run.timer, options.sound.speech_track
    driving = driving_audio.DrivingAudio(script.parts, track)
    with timer.stage("probe"):
        target = media.probe(script.video).duration
    with timer.stage("audio"):
        speech = target if script.timed else driving.longest(script.parts)
    with timer.stage("probe"):
        span = TargetSpan.of(target, speech, options.timing, script.timed)
        form = paths.output.format
        info = media.probe_target(
            script.video, options.reading, span.seconds, form, span.keeps_order
        )
        media.check_encoder_takes(info, options.encode.encoder)
    with timer.stage("audio"):
        parts, notes = fit_spans_to_target(script.parts, info.duration)
        length = OutputLength.of(info, info.duration if script.timed else speech, options.timing)
        waves = [driving.load(part, length.duration) for part in parts]
        sound, unheard = soundtrack.build_soundtrack(
            parts, info, length.sound, options.sound, folder
        )
        sound = replace(sound, codec=options.encode.audio_codec)
        notes += [
            *script.notes,
            *driving_audio.find_overruns(parts, track),
            *driving_audio.find_faults(parts, track),
            *unheard,
            *media.find_coding_changes(sound, form),
        ]
    with timer.stage("voice"):
        segments = [vad.detect_speech(wave) for wave in waves]
    seconds = float(length.duration)
    return OutputPlan(info, parts, length, seconds, waves, segments, sound, notes)


def find_people(
    script: Script, plan: OutputPlan, options: RenderOptions, run: RunContext
) -> tuple[list[Person], list[str]]:
    """The face of every part's speaker, and what the user should know about the choice.

    Raises:
        NoFaceError: the target shows no face, or not the wanted one.
        OptionsError: two speakers have the same face.
    """
    how = options.landmarks
    with run.timer.stage("landmarks"):
        faces = detect_faces(plan.info, how, run, script.one_of_many)
        tracks = [landmarks.select_face(faces, p.speaker.face, how, run.device) for p in plan.parts]
        _check_different(plan.parts, tracks)
        people = [Person(plan.info, faces, TrackedFace.of(track)) for track in tracks]
    return people, [] if script.one_of_many else list(_warn_of_rivals(faces))


def plan_timeline(
    script: Script, plan: OutputPlan, people: list[Person], options: RenderOptions, run: RunContext
) -> tuple[Motion, OutputTimeline]:
    """How the heads move, and which target frame each output frame shows."""
    info, n = plan.info, plan.length.frames
    with run.timer.stage("retime"):
        motion = Motion.combine([Motion.of(person.face.track) for person in people])
        times = frame_times.display_times(info, n)
        speaking = vad.any_speech_at(plan.segments, times, retime.MIN_PAUSE_S)
        if script.timed or info.stamps is not None:
            retimed = retime.keep_timing(n, motion.rate)
        else:
            retimed = retime.choose_timing(speaking, motion, options.timing)
        return motion, OutputTimeline.of(info, retimed, speaking)


def _check_different(parts: Sequence[SpeakerPart], tracks: Sequence[FaceTrack]) -> None:
    """Raise OptionsError if two speakers have one face."""
    for (one, track), (other, same) in combinations(zip(parts, tracks, strict=True), 2):
        if np.array_equal(track.points, same.points, equal_nan=True):
            raise OptionsError(
                f"speakers {one.speaker.name} ({one.speaker.face}) and {other.speaker.name} "
                f"({other.speaker.face}) have the same face; choose another for one of them"
            )


def _warn_of_rivals(faces: Faces) -> Iterator[str]:
    """A warning if it is not plain who is to speak."""
    if (seen := landmarks.count_prominent(faces)) > 1:
        yield f"{seen} people are seen; the most prominent speaks (--face chooses)"
