"""A render, one call per step. Start reading here.

    speech ─ spans → speaker parts → driving audio ─ who says what ─┐
                                                                    ├→ speaker_render ─┐
    target ─ landmarks ─ all faces → each speaker's face ───────────┘  (one a speaker) ├→ encode
                    └→ retime → frame order ─ frames ──────────────────────────────────┤
    sounds ─ soundtrack ───────────────────────────────────────────────────────────────┘

Tracks are arrays over the whole clip; frames and patches are streams, so that memory does not grow
with the length of the video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, tee
from pathlib import Path

import numpy as np

from lipsync import media, retime
from lipsync.dialogue import driving_audio, soundtrack, speaker_parts
from lipsync.dialogue.spans import Span, read_spans
from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.errors import OptionsError
from lipsync.face import landmarks
from lipsync.face.landmarks import Faces
from lipsync.face.tracked_face import TrackedFace
from lipsync.media import encode, frame_times, png
from lipsync.media.frame_order import read_frames_in_order
from lipsync.media.stdout_sink import StdoutSink
from lipsync.mouth import texture
from lipsync.options import RenderOptions
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.person import Person, detect_faces
from lipsync.pipelines.speaker_render import (
    FrameLog,
    RenderScene,
    Role,
    SpeakerRender,
    prepare_speaker,
)
from lipsync.report import diagnostics, provenance
from lipsync.report.contact_sheet import ContactSheet, select_sheet_frames
from lipsync.report.results import RenderResult
from lipsync.retime import Motion
from lipsync.retime.timeline import OutputLength, OutputTimeline, TargetSpan
from lipsync.runtime.context import RunContext
from lipsync.runtime.positions import runs_of_true
from lipsync.runtime.prefetch import read_ahead
from lipsync.speech import vad
from lipsync.speech.vad import SpeechSegments
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import U8, Bools, FaceTrack, Progress, Speaker, VideoInfo, Waveform


def render(
    audio: str | Path | None,
    video: str | Path,
    output: str | Path | None = None,
    *,
    speakers: Sequence[Speaker] = (),
    spans: str | Path | Sequence[Span] | None = None,
    sheet: str | Path | None = None,
    plot: str | Path | None = None,
    sidecar: str | Path | None = None,
    options: RenderOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RenderResult:
    """Make the person in `video` say what is in `audio`, or several people what each has to say.

    Args:
        audio: any file with sound that ffmpeg reads; None where every speaker has their own.
        video: any video, or a still image, that shows the face.
        output: see `media.Output.of`; default: the video's name with `.lipsync.mp4`, beside it.
        speakers: who speaks what with which face; none: one, with the face of the options.
        spans: a file (see `lipsync.dialogue.spans`) or Span objects: frames outside of them keep
            the target's picture, and the speech lies on the target's time line. None: the speech is
            heard throughout.
        sheet: also write a contact sheet (PNG) for looking at the result.
        plot: also write a picture (PNG) of the speech, the head's motion and the chosen frames.
        sidecar: the JSON file of what was made of what; default: beside the output if it is a file.
        options: see `RenderOptions`; default: all defaults.
        overwrite: replace the output if it exists.
        progress: called with (stage, done, total) as the work goes on.

    Returns:
        RenderResult. The output has round(duration of the sound × fps) frames, with `timing` cut
        no more than the video; of kept irregular times, those within that duration; with spans as
        many as the video.

    Raises:
        LipsyncError: something the caller can mend; nothing was written. See `lipsync.errors`.
    """
    options, video = options or RenderOptions(), Path(video)
    script = read_script(Path(audio) if audio else None, video, speakers, spans, options)
    output = output or video.with_name(f"{video.stem}.lipsync.mp4")
    paths = OutputPaths.check(
        output, sidecar, sheet, plot, inputs=script.inputs.values(), overwrite=overwrite
    )
    model = texture.load_model(options.texture, len(script.parts), options.run.device)
    with RunContext.open(options.run.cache, options.run.device, progress) as run:
        with run.cache.room() as folder:
            plan = plan_output(script, paths, options, run, folder)
            people, notes = find_people(script, plan, options, run)
            motion, timeline = plan_timeline(script, plan, people, options, run)
            scene = RenderScene(plan.info, VideoSpeech(plan.info), timeline, model)
            renders = prepare_speakers(plan, people, scene, options, run)
            written = write_output(script, plan, renders, paths, options, run)
    if paths.plot is not None:
        wave = driving_audio.mix_speech(plan.waves)
        png.write_png(paths.plot, retime.plot_timing(wave, timeline.speaking, motion, timeline.order))
    return describe_result(plan, renders, written, paths, run, [*plan.notes, *notes])


@dataclass(frozen=True)
class Script:
    """Who is to speak what in which video."""

    video: Path
    parts: list[SpeakerPart]
    timed: bool  # the speech lies on the target's time line, in spans
    one_of_many: bool  # which face speaks has been said: by a speaker, or by --face
    inputs: dict[str, Path]  # role → file, as the sidecar names it


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
    file = Path(spans) if isinstance(spans, (str, Path)) else None
    lines = read_spans(Path(spans)) if isinstance(spans, (str, Path)) else spans
    face = options.landmarks.face
    parts = speaker_parts.assign_parts(audio, speakers, lines, face)
    sounds = list(dict.fromkeys(path for part in parts for path in part.sources))
    roles = ["audio", *(f"audio {i}" for i in range(2, len(sounds) + 1))]
    inputs = {"video": video, **dict(zip(roles, sounds, strict=False))}
    if file is not None:
        inputs["spans"] = file
    return Script(video, parts, lines is not None, bool(speakers) or face != "largest", inputs)


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
    timer, driving = run.timer, driving_audio.DrivingAudio(script.parts)
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
    with timer.stage("audio"):
        parts, notes = speaker_parts.fit_spans_to_target(script.parts, info.duration)
        length = OutputLength.of(info, info.duration if script.timed else speech, options.timing)
        waves = [driving.load(part, length.duration) for part in parts]
        sound, unheard = soundtrack.build_soundtrack(
            parts, info, length.sound, options.sound, folder
        )
        notes += [*driving_audio.find_overruns(parts), *unheard]
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


def prepare_speakers(
    plan: OutputPlan,
    people: list[Person],
    scene: RenderScene,
    options: RenderOptions,
    run: RunContext,
) -> list[SpeakerRender]:
    """One plan per part."""
    given = zip(plan.parts, plan.waves, plan.segments, people, strict=True)
    renders = [prepare_speaker(Role(*one), scene, options, run) for one in given]
    scene.speech.forget()  # hours of sound are not needed while frames are made
    return renders


@dataclass(frozen=True, eq=False)
class Written:
    """What was written, and what happened to its frames."""

    logs: list[FrameLog]  # one per speaker
    left_out: list[str]  # what of the target the output cannot hold

    @property
    def changed(self) -> Bools:
        """Output frames in which any mouth is new, (n,)."""
        return np.asarray(np.any([log.changed for log in self.logs], axis=0))


def write_output(
    script: Script,
    plan: OutputPlan,
    renders: list[SpeakerRender],
    paths: OutputPaths,
    options: RenderOptions,
    run: RunContext,
) -> Written:
    """Make all frames, encode them with their sound, mark the file, write sidecar and sheet."""
    timeline, timer = renders[0].scene.timeline, run.timer
    with timer.stage("retime"):
        form, straight = paths.output.format, timeline.retimed.straight
        passthrough, left = media.plan_passthrough(plan.info, form, plan.length.sound, straight)
    written = Written([FrameLog.empty(len(timeline)) for _ in renders], list(left))
    sheets = [_open_sheet(one) for one in renders] if paths.sheet is not None else []
    frames = make_frames(plan.info, renders, written.logs, sheets, options, run)
    sink = StdoutSink()

    def finalize(file: Path) -> None:
        provenance.embed_xmp(file, paths.output)
        digest = sink.sha256 if paths.output.format.pipe else None
        write_sidecar(file, digest, script, plan, renders, written, paths, options)

    with timer.stage("encode"):
        encode.encode(
            frames, plan.info, plan.sound, paths.output, options.encode,
            tags=provenance.TAGS, texts=provenance.picture_texts(), passthrough=passthrough,
            sink=sink.write, finalize=finalize,
        )  # fmt: skip
    if paths.sheet is not None:
        sheets[0].save(paths.sheet, *sheets[1:])
    return written


def make_frames(
    info: VideoInfo,
    renders: list[SpeakerRender],
    logs: list[FrameLog],
    sheets: list[ContactSheet],
    options: RenderOptions,
    run: RunContext,
) -> Iterator[U8]:
    """The output's frames, one after the other; `logs` and `sheets` are filled in meanwhile."""
    timeline, timer = renders[0].scene.timeline, run.timer
    decoded = timer.each("decode", read_frames_in_order(info, timeline.retimed.timing))
    decoded = timer.each("wait", read_ahead(decoded))
    targets, frames = tee(decoded)  # both are drawn on in step: one frame is kept at most
    for one, log in zip(renders, logs, strict=True):  # each on top of what the one before made
        frames = one.apply(frames, log, options, run)
    for i, (target, frame) in enumerate(zip(targets, frames, strict=True)):
        for sheet, one in zip(sheets, renders, strict=bool(sheets)):
            sheet.add(i, target, frame, one.wanted.target.to_frame[i])
        yield frame
        run.report("render", i + 1, len(timeline))


def write_sidecar(
    file: Path,
    digest: str | None,
    script: Script,
    plan: OutputPlan,
    renders: list[SpeakerRender],
    written: Written,
    paths: OutputPaths,
    options: RenderOptions,
) -> None:
    """Record what the output was made from; `digest`: of a stream, which is no file to hash."""
    if paths.sidecar is None:
        return
    record = provenance.SidecarRecord(
        inputs=script.inputs,
        models=list(dict.fromkeys(card for one in renders for card in one.model_cards())),
        options=options.flat(),
        frames=plan.length.frames,
        fps=plan.info.fps,
        changed=runs_of_true(written.changed),
        speakers=[part.describe() for part in plan.parts],
    )
    provenance.write_sidecar(record, paths.output.path, file, place=paths.sidecar, digest=digest)


def describe_result(
    plan: OutputPlan,
    renders: list[SpeakerRender],
    written: Written,
    paths: OutputPaths,
    run: RunContext,
    notes: list[str],
) -> RenderResult:
    """Everything that a caller may want to know of the render."""
    unchanged = [one.count_unchanged() for one in renders]
    logged = list(zip(renders, written.logs, strict=True))
    retimed = renders[0].scene.timeline.retimed
    videos = [video.info for one in renders for video in one.material.footage.videos]
    return RenderResult(
        output=paths.output.path,
        sidecar=paths.sidecar,
        sheet=paths.sheet,
        plot=paths.plot,
        frames=plan.length.frames,
        fps=plan.info.fps,
        duration=plan.duration,
        changed_frames=int(written.changed.sum()),
        frames_without_face=sum(one.missing for one in unchanged),
        frames_turned=sum(one.turned for one in unchanged),
        frames_covered=sum(one.covered for one in unchanged),
        coverage=tuple(sorted({s for one, log in logged for s in one.uncovered_spans(log)})),
        adaptation="; ".join(one.role.part.label(one.lips.choice.line) for one in renders),
        timing=retimed.summary,
        warnings=(
            *notes,
            *retimed.warnings(plan.length.speech_frames),
            *written.left_out,
            *dict.fromkeys(diagnostics.warn_of_reading(videos)),
            *diagnostics.warn_of_missing_sidecar(paths.sidecar is None),
            *(line for one, log in logged for line in one.warnings(log)),
        ),
        seconds=run.seconds,
    )


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


def _open_sheet(one: SpeakerRender) -> ContactSheet:
    lips = one.lips_for_sheet()
    return ContactSheet(select_sheet_frames(lips), lips.rate)
