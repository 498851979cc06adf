"""A render from left to right, one call per stage. Start reading here.

    speech ─ spans → dialogue → spoken ─ who says what ─┐
                                                        ├→ mouth (one per speaker) ─┐
    target ─ landmarks ─ all faces → the wanted ones ───┘                           ├→ encode → mark
                    └→ retime → video ─ frames ─────────────────────────────────────┤
    sounds ─ soundtrack ────────────────────────────────────────────────────────────┘

`mouth` holds what happens to one speaker: lips, mouth bank, texture, composite. Tracks are arrays
over the whole clip; frames and patches are streams: memory does not grow with the length of the
video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, tee
from pathlib import Path

import numpy as np

from lipsync import media, retime
from lipsync.dialogue import driving_audio, soundtrack, speaker_parts
from lipsync.dialogue import spans as spans_stage
from lipsync.dialogue.spans import Span
from lipsync.dialogue.speaker_parts import Part
from lipsync.errors import NoFaceError, OptionsError
from lipsync.face import landmarks
from lipsync.media import encode, frame_times, png
from lipsync.media import frame_order as video_stage
from lipsync.media.stdout_sink import StandardOutput
from lipsync.mouth import texture
from lipsync.options import RenderOptions
from lipsync.pipelines import speaker_render
from lipsync.pipelines.outputs import Places
from lipsync.pipelines.speaker_render import Mouth, Scene
from lipsync.report import contact_sheet as sheet_stage
from lipsync.report import diagnostics, provenance
from lipsync.report.results import RenderResult
from lipsync.retime import timeline
from lipsync.runtime import positions
from lipsync.runtime.cache import Cache
from lipsync.runtime.prefetch import ahead
from lipsync.runtime.timer import Clock
from lipsync.speech import vad
from lipsync.types import U8, Bools, FaceTrack, Progress, Speaker


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
        spans: a file (see `lipsync.dialogue.spans`) or Span objects: only there anything changes,
            and the speech lies on the target's time line. None: the speech is heard throughout.
        sheet: also write a contact sheet (PNG) for looking at the result.
        plot: also write a picture (PNG) of the speech, the head's motion and the chosen frames.
        sidecar: the JSON file of what was made of what; default: beside the output if it is a file.
        options: see `RenderOptions`; default: all defaults.
        overwrite: replace the output if it exists.
        progress: is told (stage, done, total) as the work goes on.

    Returns:
        RenderResult. The output has round(duration of the sound × fps) frames, with `timing` cut
        no more than the video; of kept irregular times, those within that duration; with spans as
        many as the video.

    Raises:
        LipsyncError: something the caller can mend; nothing was written. See `lipsync.errors`.
    """
    options, video = options or RenderOptions(), Path(video)
    lines = spans_stage.read_spans(Path(spans)) if isinstance(spans, (str, Path)) else spans
    face = options.landmarks.face
    parts = speaker_parts.parts_of(Path(audio) if audio else None, speakers, lines, face)
    inputs = {"video": video, **_named_sources(parts)}
    if isinstance(spans, (str, Path)):
        inputs["spans"] = Path(spans)
    places = Places.checked(
        output or video.with_name(f"{video.stem}.lipsync.mp4"),
        sidecar,
        sheet,
        plot,
        inputs=inputs.values(),
        overwrite=overwrite,
    )
    texture.check(options.texture, len(parts))
    clock, device = Clock(), options.run.device
    with Cache(Cache.default_root() if options.run.cache else None) as cache, cache.room() as room:
        with clock.stage(
            "probe"
        ):  # what is wrong with the target is said before the sound's faults
            length = media.probe(video).duration
        with clock.stage("audio"):
            duration = length if lines is not None else driving_audio.length_of(parts)
        with clock.stage("probe"):
            straight = lines is not None or retime.in_order(length, duration, options.timing)
            ends = lines is not None or options.timing.timing == "cut"  # with the target
            longest = None if ends and duration >= length else duration
            info = media.read_target(
                video, options.reading, longest, places.output.format, straight
            )
        with clock.stage("audio"):
            parts, notes = speaker_parts.fitted(parts, info.duration)
            duration = info.duration if lines is not None else duration
            wanted = frame_times.frame_count(info, duration)
            n = retime.output_frames(wanted, info, options.timing)
            duration = duration if n == wanted else info.duration
            waves = [driving_audio.speech_of(part, duration) for part in parts]
            length = max(duration, frame_times.least_duration(info, n))
            sound, unheard = soundtrack.soundtrack(parts, info, length, options.sound, room)
            notes += [*driving_audio.overruns(parts), *unheard]
        with clock.stage("voice"):
            speeches = [vad.listen(wave) for wave in waves]

        with clock.stage("landmarks"):
            several = bool(speakers) or face != "largest"
            faces = landmarks.look_at_video(
                info, options.landmarks, cache, device, progress, several
            )
            if not len(faces):
                raise NoFaceError(f"{video}: no face was found in its {faces.count} frames")
            tracks = [
                landmarks.choose(faces, part.speaker.face, options.landmarks, device)
                for part in parts
            ]
            _different(parts, tracks)
            if not several and (seen := landmarks.rivals(faces)) > 1:
                notes.append(f"{seen} people are seen; the most prominent speaks (--face chooses)")
        with clock.stage("retime"):
            motion = retime.Motion.together([retime.Motion.of(track) for track in tracks])
            speaking = vad.anybody(speeches, frame_times.times(info, n), retime.FILLED_S)
            if lines is not None or info.stamps is not None:
                retimed = retime.unchanged(n, motion.rate)
            else:
                retimed = retime.retime(speaking, motion, options.timing)
            scene = Scene(info, faces, timeline.Pace.of(info, retimed.timing.position))
            carried, left = media.carried(info, places.output.format, length, retimed.straight)

        mouths = [
            speaker_render.prepared(
                part, wave, speech, track, scene, options, cache, clock, progress
            )
            for part, wave, speech, track in zip(parts, waves, speeches, tracks, strict=True)
        ]

        decoded = clock.each("decode", video_stage.frames_in_order(info, retimed.timing))
        decoded = clock.each("wait", ahead(decoded))
        targets, frames = tee(decoded)  # both are drawn on in step: one frame is kept at most
        for one in mouths:  # each on top of what the one before made
            frames = one.onto(frames, options, clock)

        sheets = [_sheet(one) for one in mouths] if places.sheet is not None else []

        def finished() -> Iterator[U8]:
            for i, (target, frame) in enumerate(zip(targets, frames, strict=True)):
                for collector, one in zip(sheets, mouths, strict=bool(sheets)):
                    collector.add(i, target, frame, one.place(i))
                yield frame
                if progress is not None:
                    progress("render", i + 1, n)

        def seal(whole_file: Path) -> None:
            provenance.mark(whole_file, places.output)
            if places.sidecar is None:
                return
            provenance.write_sidecar(
                places.output.path,
                whole_file,
                inputs=inputs,
                models=list(dict.fromkeys(card for one in mouths for card in one.model_cards())),
                options=options.flat(),
                frames=n,
                fps=info.fps,
                changed=positions.runs_of_true(_changed(mouths)),
                place=places.sidecar,
                digest=stream.sha256 if places.output.format.pipe else None,
                speakers=[part.described() for part in parts],
            )

        stream = StandardOutput()
        with clock.stage("encode"):
            encode.encode(
                finished(),
                info,
                sound,
                places.output,
                options.encode,
                tags=provenance.TAGS,
                texts=provenance.texts(),
                carried=carried,
                onward=stream.write,
                seal=seal,
            )
    if places.sheet is not None:
        sheets[0].save(places.sheet, *sheets[1:])
    if places.plot is not None:
        heard = driving_audio.together(waves)
        png.write(places.plot, retime.picture(heard, speaking, motion, scene.pace.order))
    kept = [one.kept() for one in mouths]
    return RenderResult(
        output=places.output.path,
        sidecar=places.sidecar,
        sheet=places.sheet,
        plot=places.plot,
        frames=n,
        fps=info.fps,
        duration=float(duration),
        changed_frames=int(_changed(mouths).sum()),
        frames_without_face=sum(one.missing for one in kept),
        frames_turned=sum(one.turned for one in kept),
        frames_covered=sum(one.covered for one in kept),
        coverage=tuple(sorted({span for one in mouths for span in one.coverage()})),
        adaptation="; ".join(one.part.named(one.choice.line) for one in mouths),
        timing=retimed.line,
        warnings=(
            *notes,
            *retimed.warnings(wanted),
            *left,
            *dict.fromkeys(diagnostics.read(i for one in mouths for i in one.footage.infos)),
            *diagnostics.unwritten(places.sidecar is None),
            *(line for one in mouths for line in one.warnings()),
        ),
        seconds={name: round(value, 3) for name, value in clock.seconds.items()},
    )


def _named_sources(parts: Sequence[Part]) -> dict[str, Path]:
    """Role → file of all speech, as the sidecar names it."""
    files = list(dict.fromkeys(path for part in parts for path in part.sources))
    roles = ["audio", *(f"audio {i}" for i in range(2, len(files) + 1))]
    return dict(zip(roles, files, strict=False))


def _different(parts: Sequence[Part], tracks: Sequence[FaceTrack]) -> None:
    """Two speakers cannot have one face."""
    for (one, track), (other, same) in combinations(zip(parts, tracks, strict=True), 2):
        if np.array_equal(track.points, same.points, equal_nan=True):
            raise OptionsError(
                f"speakers {one.speaker.name} ({one.speaker.face}) and {other.speaker.name} "
                f"({other.speaker.face}) have the same face; choose another for one of them"
            )


def _changed(mouths: Sequence[Mouth]) -> Bools:
    """Output frames in which any mouth is new, (n,)."""
    return np.asarray(np.any([one.changed for one in mouths], axis=0))


def _sheet(one: Mouth) -> sheet_stage.SheetCollector:
    return sheet_stage.SheetCollector(
        sheet_stage.telling_frames(one.shown_lips()), one.predicted.rate
    )
