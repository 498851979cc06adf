"""An inspection, one call per step: was this video made, or recorded?

    video ─ landmarks → one face ─┬─ frames → picture measures ─┐
    sound ─ speech model ─────────┴───────── track measures ────┴→ scores → answers, likelihood
    file ─ marks

Nothing is written but the report that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lipsync import media
from lipsync.errors import NoFaceError
from lipsync.inspection import scoring
from lipsync.inspection.measures import PictureWatch
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.reference import Reference
from lipsync.inspection.watches import picture_watches
from lipsync.inspection.ways import WAYS
from lipsync.options import InspectOptions
from lipsync.pipelines.measure_face import measure_person
from lipsync.pipelines.outputs import check_output
from lipsync.pipelines.person import Person, find_person
from lipsync.pipelines.verify_marks import describe_marks
from lipsync.report.inspection_page import write_report
from lipsync.report.results import InspectResult
from lipsync.runtime.context import RunContext
from lipsync.types import Answer, Progress, VideoInfo

LEAST_FRAMES = 12  # that show the face: fewer say nothing about motion
FEW_S = 1.0  # of the face: shorter videos are scored with a warning


def inspect(
    video: str | Path,
    *,
    source: str | Path | None = None,
    reference: Sequence[str | Path] = (),
    report: str | Path | None = None,
    options: InspectOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> InspectResult:
    """Look for evidence that a video of a person was made, and read the marks it carries.

    Args:
        video: any video that ffmpeg reads.
        source: the recording that it may have been made from, for a comparison in the report.
        reference: pictures of the person whom it is said to show.
        report: also write a page (HTML, of one file) for looking at the evidence.
        options: see `InspectOptions`; default: all defaults.
        overwrite: replace the report if it exists.
        progress: called with (stage, done, total) as the work goes on.

    Returns:
        InspectResult. Where a score cannot be given its `reason` says why. A video without a face,
        or of a few frames, has no likelihood and no scores, but its marks are read.

    Raises:
        LipsyncError: something the caller can mend; nothing was written.
    """
    options, video = options or InspectOptions(), Path(video)
    pictures = [Path(one) for one in reference]
    given = [video, *pictures, *([Path(source)] if source else [])]
    if report is not None:
        check_output(Path(report), given, overwrite, ".html")
    with options.run.open(progress) as run:
        info = media.probe(video)
        if source is not None:
            media.probe(Path(source))
        to = Reference.load()
        with run.timer.stage("landmarks"):
            person, why = _find_face(info, options, run)
        watches = picture_watches(pictures, options.landmarks, run)
        if person is None:
            result = _without_scores(info, why, to)
        else:
            result = _score(person, watches, to, run)
        with run.timer.stage("marks"):
            track = person.face if person is not None else None
            marks = describe_marks(video, track, run)
        result = replace(
            result,
            source=Path(source) if source else None,
            marks=marks,
            warnings=(*result.warnings, *run.cache.take_warnings()),
            seconds=run.seconds,
        )
        if report is not None:
            with run.timer.stage("report"):
                result = replace(result, report=Path(report))
                write_report(Path(report), result, face=track)
    return replace(result, seconds=run.seconds)


def _find_face(
    info: VideoInfo, options: InspectOptions, run: RunContext
) -> tuple[Person | None, str]:
    """The person to inspect, or why there is none."""
    if info.still:
        return None, "it is a still picture"
    try:
        person = find_person(info, options.landmarks, run)
    except NoFaceError as error:
        return None, str(error).removeprefix(f"{info.path}: ")
    count = int(person.face.found.sum())
    if count < LEAST_FRAMES:
        return None, f"only {count} of its frames show the face; {LEAST_FRAMES} are needed"
    return person, ""


def _score(
    person: Person, watches: Sequence[PictureWatch], to: Reference, run: RunContext
) -> InspectResult:
    """Measure, and compare with real footage."""
    measured, reasons = measure_person(person, watches, run)
    with run.timer.stage("scores"):
        timeline = scoring.score_timeline(measured, to)
        answers = scoring.answer_questions(measured, timeline, to, reasons)
        shots = tuple(
            scoring.score_span(measured, first, end, to) for first, end in person.face.track.shots()
        )
        whole = scoring.score_span(measured, 0, len(measured.evidence), to)
    made = None if whole.likelihood is None else whole.likelihood >= to.threshold
    seen_s = float(person.face.found.sum()) / float(person.face.fps)
    warnings = []
    if seen_s < FEW_S:
        warnings.append(f"only {seen_s:.1f} s show the face: scores of so little are unsteady")
    per_frame = {
        name: tuple(scoring.plain(float(v)) for v in values)
        for name, values in measured.pictures.items()
    }
    result = _without_scores(person.info, "", to)
    return replace(
        result,
        face_frames=int(person.face.found.sum()),
        likelihood=whole.likelihood,
        made=made,
        way=WAYS[whole.way].words if made and whole.way else None,
        answers=answers,
        shots=shots,
        timeline=timeline,
        per_frame=per_frame,
        warnings=tuple(warnings),
    )


def _without_scores(info: VideoInfo, why: str, to: Reference) -> InspectResult:
    """The result of a video on which nothing can be said."""
    answers = tuple(
        Answer(key, one.text, "not applicable", why, None, (), ()) for key, one in QUESTIONS.items()
    )
    return InspectResult(
        video=info.path,
        source=None,
        frames=info.frame_count,
        fps=info.fps,
        duration=float(info.duration),
        face_frames=0,
        likelihood=None,
        threshold=to.threshold,
        made=None,
        way=None,
        against=f"{to.clips} clips of {to.people} people: {to.data}",
        error_rates=dict(to.rates),
        answers=answers,
        shots=(),
        timeline=(),
        per_frame={},
        marks=(),
        report=None,
        warnings=(why,) if why else (),
        seconds={},
    )
