"""An inspection of real footage whose mouth was blurred in its second half, and its source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection import scoring
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.picture_pass import measure_frames
from lipsync.inspection.reference import LEVELS, WAY, Distribution, Population, Reference
from lipsync.inspection.track_measures import track_measures
from lipsync.inspection.watches import picture_watches
from lipsync.inspection.ways import WAYS
from lipsync.media.encode import EncodeOptions, encode_video
from lipsync.report.results import InspectResult
from lipsync.runtime.cache import Cache
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import VideoInfo
from tests.support import clips

SPAN = 20  # frames of the spans whose values stand for real footage
# What a file may be called: a page that did not escape it would run it, or lose its layout.
NAME = 'made <img src=x onerror=alert(1)> & "quoted".mp4'


@dataclass(frozen=True, eq=False)
class Inspected:
    """A result, and what its page is made from."""

    result: InspectResult
    face: TrackedFace
    blurred_from: int  # the first frame whose mouth is blurred; also the second shot


def inspect_blurred(shared: Path, folder: Path) -> Inspected:
    """Two recordings after one another; the mouth of the second is blurred, and measured so."""
    source, video = folder / "source.mp4", folder / NAME
    parts = [shared / "data" / "grid_s4" / name for name in ("bbilzs.mp4", "bgbu2a.mp4")]
    given = [argument for part in parts for argument in ("-i", str(part))]
    joined = "[0:v][0:a][1:v][1:a]concat=n=2:v=1:a=1"
    clips.run(*given, "-filter_complex", joined, "-crf", "14", str(source))
    info = media.probe(source)
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    face = TrackedFace.of(track)
    half = int(track.cuts[0])
    encode_video(_blur(info, face, half), info, source, video, EncodeOptions(crf=14))
    measured = _measure(video, face)
    return Inspected(_score(measured, _reference(measured, half), video, source), face, half)


def _blur(info: VideoInfo, face: TrackedFace, first: int) -> Iterator[np.ndarray]:
    """The frames of a video, with the mouth's region blurred from one on."""
    outlines = face.outlines()
    for i, frame in enumerate(media.read_frames(info)):
        if i < first:
            yield frame
            continue
        mask = np.zeros(frame.shape[:2], np.float32)
        cv2.fillPoly(mask, [outlines[i].round().astype(np.int32)], 1.0)
        share = cv2.GaussianBlur(mask, (0, 0), 2)[..., None]
        soft = cv2.GaussianBlur(frame, (0, 0), 1.6)
        yield np.round(frame * (1 - share) + soft * share).astype(np.uint8)


def _measure(path: Path, face: TrackedFace) -> scoring.Measured:
    """What is measured without the speech model, which takes longest."""
    info, watches, tracks = media.probe(path), picture_watches(), track_measures()
    pictures = measure_frames(media.read_frames(info), face, watches)
    measures = [one for group in (*watches, *tracks) for one in group.measures]
    evidence = Evidence(face, VideoSpeech(info), None)
    return scoring.Measured(evidence, pictures, measures, tracks)


def _reference(real: scoring.Measured, end: int) -> Reference:
    """How the measures are distributed over spans of the part that was left alone."""
    values = [real.span_values(i, i + SPAN) for i in range(0, end - SPAN + 1, SPAN // 4)]
    known = {
        one.name: Distribution(len(values), tuple(np.quantile(found, LEVELS).tolist()))
        for one in real.measures
        if np.isfinite(found := [value[one.name] for value in values]).all()
    }
    usual = Distribution(len(values), tuple(np.linspace(0, 5, len(LEVELS)).tolist()))
    to = Population(known | {WAY + "face": usual})
    return Reference(
        data="the first half of the same video, which was left alone",
        clips=len(values),
        people=1,
        short=to,
        long=to,
        ways={"face": {"blur.mouth": 1.2, "blur.lower": 1.2, "noise.grain": 0.4}},
        slope=1.2,
        bias=-1.0,
        threshold=0.8,
        rates={"recordings called made": 0.02, "made videos missed": 0.11},
    )


def _score(measured: scoring.Measured, to: Reference, video: Path, source: Path) -> InspectResult:
    info, face = measured.evidence.speech.info, measured.evidence.face
    timeline = scoring.score_timeline(measured, to)
    whole = scoring.score_span(measured, 0, len(face), to)
    reasons = dict.fromkeys(("sync", "closures"), "the sound was not looked at")
    return InspectResult(
        video=video,
        source=source,
        frames=info.frame_count,
        fps=info.fps,
        duration=float(info.duration),
        face_frames=int(face.found.sum()),
        likelihood=whole.likelihood,
        threshold=to.threshold,
        made=None if whole.likelihood is None else whole.likelihood >= to.threshold,
        way=WAYS["face"].words,
        against=f"{to.clips} spans of {to.people} person: {to.data}",
        error_rates=dict(to.rates),
        answers=scoring.answer_questions(measured, timeline, to, reasons),
        shots=tuple(scoring.score_span(measured, *one, to) for one in face.track.shots()),
        timeline=timeline,
        per_frame={
            name: tuple(scoring.plain(float(one)) for one in values)
            for name, values in measured.pictures.items()
        },
        marks=(
            {"name": "comment", "state": "valid", "words": "made with lipsync <0.4> & friends"},
            {"name": "XMP", "state": "absent", "words": "no XMP packet says how it was made"},
            {"name": "sidecar", "state": "altered", "words": "the file differs from its hash"},
        ),
        report=None,
        warnings=("it has two shots",),
        seconds={},
    )
