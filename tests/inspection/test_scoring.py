"""Measured values become scores, windows, moments and answers."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection import scoring
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import Measure, TrackMeasures
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.reference import LEVELS, WAY, Distribution, Population, Reference
from lipsync.inspection.scoring import Measured
from lipsync.types import F32
from tests.support.faces import similarity, track_of

N = 250  # frames, 10 s
BLUR, LAG = Measure("blur.mouth", "sharpness", "low"), Measure("sync.lag", "lag", "both", None)
STANDARD = Distribution.over_people([np.random.default_rng(1).normal(0, 1, 5000).tolist()])
assert STANDARD is not None
USUAL = Distribution(100, tuple(np.linspace(0, 2, len(LEVELS)).tolist()))
REAL = Population({"blur.mouth": STANDARD, "sync.lag": STANDARD, WAY + "face": USUAL})
TO = Reference("", 1, 1, REAL, REAL, {"face": {"blur.mouth": 2}}, 2, -4, 0.5, {})


def _measured(blur: F32, lag: float = 0.0) -> Measured:
    face = TrackedFace.of(track_of([similarity(60, 0, 100, 100)] * len(blur)))
    lags = TrackMeasures((LAG,), lambda evidence, first, end: {"sync.lag": lag})
    evidence = Evidence(face, None, None)  # type: ignore[arg-type]
    return Measured(evidence, {"blur.mouth": blur}, [BLUR, LAG], [lags])


def test_a_blurred_second_is_found_where_it_is() -> None:
    blur = np.zeros(N, np.float32)
    blur[150:185] = -8
    measured = _measured(blur)
    timeline = scoring.score_timeline(measured, TO)
    answers = {one.question: one for one in scoring.answer_questions(measured, timeline, TO, {})}
    moments = answers["blur"].moments
    assert moments
    assert 150 <= moments[0].frame < 185
    assert moments[0].time == pytest.approx(moments[0].frame / 25)
    assert not answers["sync"].moments
    worst = max(timeline, key=lambda one: one.likelihood or 0)
    assert worst.first < 185
    assert worst.end > 150
    assert timeline[0].likelihood is not None
    assert timeline[0].likelihood < 0.1 < (worst.likelihood or 0)


def test_the_timeline_covers_every_frame() -> None:
    for n in (5, 40, 49, 50, 51, N):
        timeline = scoring.score_timeline(_measured(np.zeros(n, np.float32)), TO)
        seen = np.zeros(n, bool)
        for span in timeline:
            seen[span.first : span.end] = True
        assert seen.all()
        assert all(span.end <= n for span in timeline)


def test_a_verdict_needs_a_score_and_says_why_there_is_none() -> None:
    measured = _measured(np.full(N, np.nan, np.float32), lag=5.0)
    reasons = {"blur.mouth": "the face is too small", "silence": "the video has no sound"}
    answers = scoring.answer_questions(measured, (), TO, reasons)
    assert [one.question for one in answers] == list(QUESTIONS)
    by_key = {one.question: one for one in answers}
    assert by_key["blur"].verdict == "not applicable"
    assert by_key["blur"].words == "the face is too small"
    assert by_key["blur"].scores[0].value is None
    assert by_key["silence"].words == "the video has no sound"
    assert by_key["sync"].verdict == "suspicious"
    assert by_key["sync"].words == QUESTIONS["sync"].yes
    assert by_key["identity"].z is None


def test_too_few_frames_are_no_value() -> None:
    blur = np.full(N, np.nan, np.float32)
    blur[: scoring.LEAST_FRAMES - 1] = -9
    assert np.isnan(_measured(blur).span_values(0, N)["blur.mouth"])
    blur[: scoring.LEAST_FRAMES] = -9
    assert _measured(blur).span_values(0, N)["blur.mouth"] == -9
