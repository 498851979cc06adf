"""A face swap from left to right, one call per stage.

    target ─ landmarks → tracked face ─┐
    model ─ autoencoder ───────────────┴→ faceswap ─ Patch → composite → encode → mark
    target ─ sound, subtitles, chapters, tags ───────────────────────┘

As in `render`, tracks are arrays over the whole clip; frames and patches are streams.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from lipsync import media
from lipsync.errors import OutputError
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap import identity_check, maker
from lipsync.faceswap.face_crop import smooth_landmarks
from lipsync.faceswap.maker import FaceMaker
from lipsync.faceswap.visibility import Visibility, compute_visibility
from lipsync.marks.marking import Marking
from lipsync.marks.origin import GENERATED_FACE, ModelCard, OriginRecord, span_times
from lipsync.marks.sidecar import sidecar_path
from lipsync.media.encode import encode_video
from lipsync.media.frame_times import display_times
from lipsync.media.passthrough import Passthrough
from lipsync.mouth.finish.blend import Composited
from lipsync.mouth.finish.composite import Compositor, composite_frames, fade
from lipsync.options import SwapOptions
from lipsync.pipelines.arguments import as_options, as_output
from lipsync.pipelines.outputs import check_output, plan_marking
from lipsync.pipelines.person import find_person
from lipsync.pipelines.swap_setup import (
    SourceFace,
    composite_options,
    identify_output,
    open_face_maker,
    require_consent,
)
from lipsync.report import diagnostics
from lipsync.report.results import SwapResult
from lipsync.runtime import positions
from lipsync.runtime.context import RunContext
from lipsync.runtime.threads import single_threaded_torch
from lipsync.runtime.timer import StageTimer
from lipsync.runtime.wording import count_of
from lipsync.types import U8, Bools, Progress, VideoInfo, as_path


@dataclass(frozen=True, eq=False)
class _Target:
    """The target video, and what of it besides the picture goes into the output."""

    info: VideoInfo
    sound: media.Soundtrack | None
    passthrough: Passthrough | None
    lost: tuple[str, ...]  # warnings about what the output cannot hold


@dataclass(frozen=True, eq=False)
class _SwapPlan:
    """Everything that is decided before the first frame is drawn."""

    source: SourceFace
    target: _Target
    face: TrackedFace  # the one to be replaced
    output: media.Output
    marking: Marking
    options: SwapOptions

    @cached_property
    def visibility(self) -> Visibility:
        """In which frames the new face is visible."""
        return compute_visibility(self.face.track, self.options.faces.bridge)

    def seal(self, finished: Path, changed: Bools, timer: StageTimer) -> None:
        """Mark the complete temporary file as generated and write the sidecar.

        Args:
            changed: (f,), frames that show a new face.
        """
        spans, info = list(positions.runs_of_true(changed)), self.target.info
        record = OriginRecord(
            record_id=self.marking.record_id,
            inputs={"video": info.path, "source_faces": self.source.face_set},
            models=[ModelCard.of(self.source.network.meta, self.source.model)],
            options=self.options.flat(),
            frames=len(changed),
            fps=info.fps,
            changed=spans,
            changed_s=span_times(info, len(changed), spans),
            statement=GENERATED_FACE,
            watermarked=self.marking.options.watermark,
            consent=self.marking.consent,
        )
        with timer.stage("marks"):
            self.marking.seal(finished, record, sidecar_path(self.output.path))

    def result(self, changed: Bools, warnings: list[str], seconds: dict[str, float]) -> SwapResult:
        """What was made, with further warnings about the frames."""
        missing, count = int((self.visibility.share <= 0).sum()), len(changed)
        if missing:
            does, frames = "shows" if missing == 1 else "show", count_of(count, "frame")
            warnings.append(f"{missing} of {frames} {does} no face: the target's own is kept")
        warnings += diagnostics.warn_of_reading([self.target.info])
        return SwapResult(
            output=self.output.path,
            sidecar=sidecar_path(self.output.path),
            frames=count,
            fps=self.target.info.fps,
            changed_frames=int(changed.sum()),
            frames_without_face=missing,
            frames_bridged=int(self.visibility.bridged.sum()),
            source=self.source.name,
            consent=str(self.marking.consent),
            marks=self.marking.summary,
            warnings=tuple(warnings),
            seconds=seconds,
        )


def swap(
    source_faces: str | Path,
    video: str | Path,
    model: str | Path,
    output: str | Path | None = None,
    *,
    consent: str,
    options: SwapOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SwapResult:
    """Replace the face in a video with another person's.

    Args:
        source_faces: face set (`lipsync faces extract`) of the person whose face is shown.
        video: of the other person that the model has learned.
        model: weights from `training.face_autoencoder.train` on these two people.
        output: see `media.Output.parse`; a pipe is not possible. Default: the video's name with
            `.swap.mp4`, next to it.
        consent: who agreed to what; stored in the result's sidecar.
        options: see `SwapOptions`.
        overwrite: replace the output if it exists.
        progress: called with (stage, done, total).

    Returns:
        SwapResult. The output has the video's frames, sound, subtitles, chapters and tags.

    Raises:
        LipsyncError: an error that the user can fix; nothing was written.
    """
    options = as_options(options, SwapOptions)
    consent = require_consent(consent)
    video, model = as_path(video, "video"), as_path(model, "model")
    faces = as_path(source_faces, "source_faces")
    target_name = as_output(output, video.with_name(f"{video.stem}.swap.mp4"))
    place = _check_output(target_name, [video, model], overwrite)
    media.check_audio_codec(place.format, options.encode.audio_codec)
    media.check_encoder(place.format, options.encode.encoder)
    marking, unsigned = plan_marking(
        place, GENERATED_FACE, options.marks,
        identify_output(faces, video, model, consent, options), consent,
    )  # fmt: skip
    device = options.run.device
    with options.run.open(progress) as run, ExitStack() as stack:
        with run.timer.stage("model"):
            source = SourceFace.open(faces, model, device)
        if device == "cpu":
            stack.enter_context(single_threaded_torch())
        with run.timer.stage("probe"):
            target = _read_target(video, place, options)
        with run.timer.stage("landmarks"):
            face, rivals = _find_face(target.info, options, run)
        doubts = identity_check.check_target(source.network, source.side, target.info, face)
        plan = _SwapPlan(source, target, face, place, marking, options)
        face_maker = stack.enter_context(open_face_maker(source, options))
        face_maker.check_scheme(face.scheme)
        frames = media.read_frames(target.info)
        stack.callback(frames.close)
        changed = np.zeros(len(face), bool)
        drawn = _mark_changes(_draw(frames, face_maker, plan, run), changed, plan, run)
        with run.timer.stage("encode"):
            encode_video(
                marking.label(drawn, changed.__getitem__, target.info),
                target.info,
                target.sound,
                place,
                options.encode,
                tags=marking.tags,
                texts=marking.picture_texts,
                passthrough=target.passthrough,
                finalize=partial(plan.seal, changed=changed, timer=run.timer),
            )
        notes = [*unsigned, *doubts, *rivals, *target.lost, *run.cache.take_warnings()]
    return plan.result(changed, notes, run.seconds)


def _check_output(name: str | Path, inputs: list[Path], overwrite: bool) -> media.Output:
    """Where the result goes.

    Raises:
        OutputError: it cannot be written there.
    """
    output = media.Output.parse(name)
    if output.format.pipe:
        raise OutputError("-: the record of a swap lies beside it; give the name of a file")
    check_output(output, inputs, overwrite)
    return output


def _read_target(video: Path, output: media.Output, options: SwapOptions) -> _Target:
    """Probe the target and plan what is passed through."""
    info = media.probe_target(video, options.reading, None, output.format)
    media.check_encoder_takes(info, options.encode.encoder)
    sound, length = _plan_sound(info, output.format)
    if sound is not None:
        sound = replace(sound, codec=options.encode.audio_codec)
    passthrough, lost = media.plan_passthrough(info, output.format, length, straight=True)
    changes = media.find_coding_changes(sound, output.format)
    return _Target(info, sound, passthrough, (*lost, *changes))


def _plan_sound(info: VideoInfo, form: media.Format) -> tuple[media.Soundtrack | None, Fraction]:
    """The target's own sound, if any, and the duration of the whole output, seconds."""
    if not info.has_audio:
        return None, info.duration
    start_offset = media.sound_start_offset(info)
    sound = media.probe_audio(info.path)
    # A wav starts at zero; other containers can hold sound that starts later.
    moved = start_offset if start_offset or form.frames else None
    length = max(info.duration, sound.start + sound.duration - start_offset)
    return media.Soundtrack(info.path, start_offset=moved), length


def _find_face(
    info: VideoInfo, options: SwapOptions, run: RunContext
) -> tuple[TrackedFace, list[str]]:
    """The face to be replaced, and a warning if others are as prominent."""
    person = find_person(info, options.landmarks, run)
    if options.landmarks.face != "largest":
        return person.face, []
    count = landmarks.count_prominent(person.faces)
    if count == 1:
        return person.face, []
    warning = f"{count} people are seen; the most prominent one's face is replaced (--face chooses)"
    return person.face, [warning]


def _draw(
    frames: Iterator[U8], face_maker: FaceMaker, plan: _SwapPlan, run: RunContext
) -> Iterator[Composited]:
    """The target's frames with the new face in them."""
    face, options, visible = plan.face, plan.options, plan.visibility.share
    points = smooth_landmarks(face)
    # Each frame is needed twice: as input of the network, and to composite the patch into.
    inputs, backgrounds = itertools.tee(run.timer.each("decode", frames))
    patches = run.timer.each(
        "faces", maker.make_patches(inputs, face_maker, face, points, visible, options.faces)
    )
    return run.timer.each(
        "composite",
        composite_frames(
            backgrounds,
            fade(patches, visible),
            Compositor(
                face.at(np.arange(len(face))),
                composite_options(options),
                outlines=maker.mask_outlines(face, points, options.faces),
            ),
        ),
    )


def _mark_changes(
    frames: Iterable[Composited], changed: Bools, plan: _SwapPlan, run: RunContext
) -> Iterator[U8]:
    """The pictures with the watermark in every new face; `changed` notes which have one."""
    mark, to_frame = plan.marking.watermark(), plan.face.alignment.to_frame
    times = display_times(plan.target.info, len(changed))
    for i, picture in enumerate(frames):
        changed[i] = picture.alpha is not None
        if mark is not None and picture.alpha is not None:
            mark.embed(picture.frame, to_frame[i], times[i], picture.alpha, picture.corner)
        yield picture.frame
        run.report("swap", i + 1, len(changed))
