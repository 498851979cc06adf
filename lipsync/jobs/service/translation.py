"""A request in the API's terms, as a job of the renderer.

What can be told from the request alone is checked when it arrives (`check_request`); what depends
on the files, such as the time of a frame number, once they are here (`build_job`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from lipsync.dialogue.spans import Span, parse_segment
from lipsync.errors import LipsyncError
from lipsync.jobs.job import Job
from lipsync.jobs.service.client_options import merge_options, read_options
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.schema import ActiveSpeaker, GenerateRequest, GenerationOptions, Segment
from lipsync.types import Speaker

MODELS = ("lipsync", "sync-3", "lipsync-2-pro", "lipsync-2", "lipsync-1.9.0-beta")
VIDEO, AUDIO = ("video", "image"), ("audio",)
# What a request may want besides its output, and what their names end with.
EXTRAS = {"sheet": ".sheet.png", "compare": ".compare.mp4"}
AUTO_DETECT = (
    "active_speaker_detection.auto_detect: the face that is most prominent over the whole video "
    "speaks; who speaks when is not detected"
)


@dataclass(frozen=True)
class LocalInput:
    """An input that is here now, and what was found in it."""

    path: Path
    facts: Mapping[str, Any]  # see `look_worker`


Crop = Callable[[Path, float, float], Path]  # a part of a sound, in a file of its own


def check_request(request: GenerateRequest) -> list[str]:
    """See whether a request could be done, as far as it alone tells.

    Returns:
        What its client should know.

    Raises:
        Refusal: it could not.
    """
    if request.model not in MODELS:
        line = f"model {request.model!r}: there is none of this name; there are {', '.join(MODELS)}"
        raise Refusal(400, "model_not_supported", line)
    _check_inputs(request)
    _, warnings = read_options(request)
    warnings += [f"{name}: unknown, has no effect" for name in request.unknown()]
    _read_spans(request)
    segments = request.segments or []
    mode = request.options.sync_mode if request.options else None
    if segments and mode in ("loop", "bounce", "remap"):
        warnings.append(
            f"options.sync_mode {mode!r}: with segments the video keeps its time line; speech is "
            "cut at the end of its segment"
        )
    for number, segment in enumerate(segments):
        _check_segment(segment, f"segments.{number}", _sounds(request))
    for chosen in _selections(request):
        warnings += _check_selection(chosen)
    return list(dict.fromkeys(warnings))


def _check_inputs(request: GenerateRequest) -> None:
    """One video, and one sound, or several that segments name."""
    for number, one in enumerate(request.input):
        what = f"input.{number}"
        if one.type == "text":
            line = f"{what}: there is no text-to-speech here; give the speech as audio"
            raise Refusal(400, "tts_not_supported", line)
        given = [name for name in ("url", "asset_id", "path") if getattr(one, name) is not None]
        if len(given) != 1:
            line = f"{what}: give one of url, assetId and path"
            raise Refusal(400, "invalid_request", line)
        if one.segments_secs is not None or one.segments_frames is not None:
            line = f"{what}: segments_secs and segments_frames are not taken; use segments"
            raise Refusal(400, "invalid_request", line)
    videos = sum(one.type in VIDEO for one in request.input)
    sounds = sum(one.type in AUDIO for one in request.input)
    if videos != 1:
        raise Refusal(400, "invalid_request", f"input: wanted one video, got {videos}")
    if sounds == 0:
        raise Refusal(400, "invalid_request", "input: there is no audio; give the new speech")
    if not request.segments and sounds > 1:
        line = f"input: {sounds} audio inputs need segments that say when each is spoken"
        raise Refusal(400, "invalid_request", line)


def _sounds(request: GenerateRequest) -> dict[str, int]:
    """The indices of sounds by their refIds.

    Raises:
        Refusal: two have the same.
    """
    found: dict[str, int] = {}
    for number, one in enumerate(request.input):
        if one.type in AUDIO and one.ref_id is not None:
            if one.ref_id in found:
                line = f"input.{number}: refId {one.ref_id!r} is given twice"
                raise Refusal(400, "invalid_request", line)
            found[one.ref_id] = number
    return found


def _check_segment(segment: Segment, what: str, sounds: Mapping[str, int]) -> None:
    audio = segment.audio_input
    if segment.end_time <= segment.start_time:
        raise Refusal(400, "invalid_request", f"{what}: has to end after it begins")
    if audio.ref_id not in sounds:
        line = f"{what}.audioInput: no audio input has the refId {audio.ref_id!r}"
        raise Refusal(400, "invalid_request", line)
    if (audio.start_time is None) != (audio.end_time is None):
        line = f"{what}.audioInput: startTime and endTime go together"
        raise Refusal(400, "invalid_request", line)
    if audio.end_time is not None and audio.end_time <= (audio.start_time or 0):
        raise Refusal(400, "invalid_request", f"{what}.audioInput: ends before it begins")


def _selections(request: GenerateRequest) -> list[ActiveSpeaker]:
    """All that the request says about whose mouth it means."""
    overrides = [one.options_override for one in request.segments or []]
    told = [request.options, *overrides]
    return [
        one.active_speaker_detection
        for one in told
        if one is not None and one.active_speaker_detection is not None
    ]


def _check_selection(chosen: ActiveSpeaker) -> list[str]:
    what = "active_speaker_detection"
    if (chosen.frame_number is None) != (chosen.coordinates is None):
        line = f"{what}: frame_number and coordinates go together"
        raise Refusal(400, "invalid_request", line)
    boxes = chosen.bounding_boxes
    if boxes is not None and chosen.coordinates is not None:
        line = f"{what}: give either coordinates or bounding_boxes"
        raise Refusal(400, "invalid_request", line)
    if boxes is not None and not any(map(_area, boxes)):
        raise Refusal(400, "invalid_request", f"{what}.bounding_boxes: there is no box in it")
    by_place = boxes is not None or chosen.coordinates is not None
    return [AUTO_DETECT] if chosen.auto_detect and not by_place else []


def _area(box: Sequence[int] | None) -> int:
    return 0 if box is None else max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def select_face(chosen: ActiveSpeaker | None, fps: Fraction) -> str | None:
    """The value of `--face` for what a request says; None: it says nothing.

    A place is looked at in the middle of its frame, so that rounding cannot reach another one. Of
    boxes the largest is taken: a detector finds that face most surely.
    """
    if chosen is None:
        return None
    boxes = chosen.bounding_boxes
    if boxes is not None:
        frame = max(range(len(boxes)), key=[_area(box) for box in boxes].__getitem__)
        left, top, right, bottom = boxes[frame] or (0, 0, 0, 0)
        x, y = (left + right) / 2, (top + bottom) / 2
    elif chosen.coordinates is not None:
        frame, (x, y) = chosen.frame_number or 0, chosen.coordinates
    else:
        return None
    return f"{x:g},{y:g}@{(frame + 0.5) / float(fps):.6f}"


def build_job(
    id: str,  # noqa: A002
    request: GenerateRequest,
    inputs: Sequence[LocalInput],
    output: Path,
    defaults: Mapping[str, Any],
    crop: Crop,
) -> tuple[Job, list[str]]:
    """The job of a request whose inputs are here.

    Args:
        inputs: in the order of the request's.
        defaults: options that the operator has set.
        crop: cuts sounds.

    Returns:
        The job, and what its client should know.

    Raises:
        Refusal: the renderer cannot do that.
    """
    number = next(i for i, one in enumerate(request.input) if one.type in VIDEO)
    target = inputs[number]
    chosen, warnings = read_options(request)
    api, extra = request.options or GenerationOptions(), {}
    fps = Fraction(str(target.facts["fps"]))
    spans: tuple[Span, ...] | None
    try:
        if request.segments:
            speakers, spans, face = _segments(request, inputs, fps, crop)
            audio = None
        else:
            i = next(i for i, one in enumerate(request.input) if one.type in AUDIO)
            audio, speakers, face = inputs[i].path, (), select_face(
                api.active_speaker_detection, fps
            )  # fmt: skip
            spans = _read_spans(request)
            if spans is None:
                spans, notes = _silence(api, target, inputs[i])
                warnings += notes
        if face is not None:
            if "face" in chosen:
                line = "lipsyncOptions.face and active_speaker_detection: give one of the two"
                raise Refusal(400, "options", line, kind="options")
            extra["face"] = face
        options = merge_options(defaults, chosen, extra)
        places = name_extras(output, request.lipsync_extras or ())
        job = Job(id, target.path, audio, output, None, speakers, spans, options=options, **places)
    except LipsyncError as error:
        raise Refusal.of(error) from None
    return job, warnings


def name_extras(output: Path, extras: Iterable[str]) -> dict[str, Path]:
    """Where what a request wants besides its output goes, by its name."""
    return {name: output.with_suffix(EXTRAS[name]) for name in extras}


def _read_spans(request: GenerateRequest) -> tuple[Span, ...] | None:
    """The spans of a request that names them as the command line does.

    Raises:
        Refusal: one is none, or there are segments as well.
    """
    if not request.lipsync_spans:
        return None
    if request.segments:
        line = "segments and lipsyncSpans: give one of the two"
        raise Refusal(400, "invalid_request", line)
    try:
        return tuple(parse_segment(text) for text in request.lipsync_spans)
    except LipsyncError as error:
        raise Refusal(400, "invalid_request", f"lipsyncSpans: {error}") from None


def _silence(
    api: GenerationOptions, target: LocalInput, sound: LocalInput
) -> tuple[tuple[Span, ...] | None, list[str]]:
    """sync_mode silence: all of the video is shown, and the speech lies on its time line."""
    if api.sync_mode != "silence" or target.facts["still"]:
        return None, []
    length = float(target.facts["duration"])
    notes = []
    if sound.facts["duration"] > length:
        lost = sound.facts["duration"] - length
        notes.append(f"the speech is {lost:.2f} s longer than the video, and is cut at its end")
    return (Span(Fraction(0), Fraction(repr(length)), name="speech"),), notes


def _segments(
    request: GenerateRequest, inputs: Sequence[LocalInput], fps: Fraction, crop: Crop
) -> tuple[tuple[Speaker, ...], tuple[Span, ...], str | None]:
    """Speakers, spans, and the face of the only speaker; speakers are told apart by their faces."""
    sounds = _sounds(request)
    usual = request.options.active_speaker_detection if request.options else None
    spans, faces = [], []
    for number, one in enumerate(request.segments or (), 1):
        audio = one.audio_input
        path = inputs[sounds[audio.ref_id]].path
        if audio.start_time is not None and audio.end_time is not None:
            path = crop(path, audio.start_time, audio.end_time)
        override = one.options_override and one.options_override.active_speaker_detection
        faces.append(select_face(override or usual, fps))
        start, end = (Fraction(repr(value)) for value in (one.start_time, one.end_time))
        spans.append((start, end, path, f"segment {number}"))
    names = {face: f"speaker {n}" for n, face in enumerate(dict.fromkeys(faces), 1)}
    if len(names) == 1:
        alone = [Span(start, end, None, path, name=name) for start, end, path, name in spans]
        return (), tuple(alone), faces[0]
    speakers = tuple(Speaker(name, None, face or "largest") for face, name in names.items())
    lines = [
        Span(start, end, names[face], path, name=name)
        for face, (start, end, path, name) in zip(faces, spans, strict=True)
    ]
    return speakers, tuple(lines), None
