"""Measured values → scores, answers, the worst moments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lipsync.inspection.evidence import Evidence
from lipsync.inspection.likelihood import estimate_likelihood
from lipsync.inspection.measures import Measure, TrackMeasures, reduce_frames
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.reference import Population, Reference
from lipsync.types import F32, Answer, Moment, Score, SpanScores, Verdict

SUSPICIOUS_Z = 3.0  # of a question: 1 in 700 of the normal distribution
WINDOW_S, STEP_S = 2.0, 0.5  # of the timeline: about the length of the clips of the reference
LEAST_FRAMES = 5  # that a span must have a value in
MOMENTS = 3  # the worst ones that an answer names
MOMENTS_APART_S = 1.0


@dataclass(frozen=True, eq=False)
class Measured:
    """All measures of one face through one video."""

    evidence: Evidence
    pictures: Mapping[str, F32]  # picture measure → (n,)
    measures: Sequence[Measure]
    tracks: Sequence[TrackMeasures]

    def span_values(self, first: int, end: int) -> dict[str, float]:
        """Every measure over frames first … end − 1; NaN: not applicable."""
        values = {one.name: math.nan for one in self.measures}
        for one in self.measures:
            if one.quantile is not None and one.name in self.pictures:
                part = self.pictures[one.name][first:end]
                values[one.name] = reduce_frames(part, one.quantile, LEAST_FRAMES)
        for track in self.tracks:
            values.update(track.measure_span(self.evidence, first, end))
        return values


def score_measures(
    values: Mapping[str, float], measures: Sequence[Measure], to: Population
) -> dict[str, float]:
    """The score of every measure; NaN: not applicable."""
    return {one.name: to.score(one, values.get(one.name, math.nan)) for one in measures}


def highest_scores(z: Mapping[str, float], measures: Sequence[Measure]) -> dict[str, float]:
    """The highest score of every question's measures, in the order of QUESTIONS; NaN: none."""
    highest = dict.fromkeys(QUESTIONS, math.nan)
    for one in measures:
        highest[one.question] = float(np.fmax(highest[one.question], z[one.name]))
    return highest


def score_questions(
    z: Mapping[str, float], measures: Sequence[Measure], to: Population
) -> dict[str, float]:
    """The score of every question, in the order of QUESTIONS; NaN: not applicable."""
    highest = highest_scores(z, measures)
    return {key: to.score_question(key, most) for key, most in highest.items()}


def score_span(measured: Measured, first: int, end: int, reference: Reference) -> SpanScores:
    """Scores of a span."""
    to = reference.population((end - first) / float(measured.evidence.face.fps))
    z = score_measures(measured.span_values(first, end), measured.measures, to)
    by_question = score_questions(z, measured.measures, to)
    finding = estimate_likelihood(z, reference, to)
    return SpanScores(
        first,
        end,
        {key: plain(value) for key, value in by_question.items()},
        plain(finding.likelihood),
        finding.way,
    )


def score_timeline(measured: Measured, to: Reference) -> tuple[SpanScores, ...]:
    """Scores of overlapping windows, WINDOW_S long and STEP_S apart."""
    rate, n = float(measured.evidence.face.fps), len(measured.evidence)
    length, step = max(1, round(WINDOW_S * rate)), max(1, round(STEP_S * rate))
    starts = range(0, max(n - length, 0) + step, step)
    spans = dict.fromkeys((max(0, min(s, n - length)), min(n, s + length)) for s in starts)
    return tuple(score_span(measured, first, end, to) for first, end in spans)


def answer_questions(
    measured: Measured,
    timeline: Sequence[SpanScores],
    reference: Reference,
    reasons: Mapping[str, str],
) -> tuple[Answer, ...]:
    """Answers over the whole video.

    Args:
        reasons: why a measure, or all of a question's, cannot be given, by its name.
    """
    values = measured.span_values(0, len(measured.evidence))
    to = reference.population(len(measured.evidence) / float(measured.evidence.face.fps))
    answers = []
    for key, question in QUESTIONS.items():
        scores = []
        for one in measured.measures:
            if one.question == key:
                value, z = values[one.name], to.score(one, values[one.name])
                known = math.isfinite(z)
                why = None if known else reasons.get(one.name) or reasons.get(key)
                scores.append(
                    Score(
                        one.name,
                        one.words,
                        plain(value),
                        plain(z),
                        None if known else why or "too few frames show what it needs",
                    )
                )
        known_z = [score.z for score in scores if score.z is not None]
        worst = plain(to.score_question(key, max(known_z, default=math.nan)))
        if worst is None:
            verdict: Verdict = "not applicable"
            given = [score.reason for score in scores if score.reason]
            words = reasons.get(key) or next(iter(given), "nothing in the video bears on it")
        else:
            verdict = "suspicious" if worst >= SUSPICIOUS_Z else "unremarkable"
            words = question.yes if verdict == "suspicious" else question.no
        moments = find_moments(measured, timeline, key)
        answers.append(Answer(key, question.text, verdict, words, worst, tuple(scores), moments))
    return tuple(answers)


def find_moments(
    measured: Measured, timeline: Sequence[SpanScores], key: str
) -> tuple[Moment, ...]:
    """The windows that answer a question worst, and their worst frames; suspicious ones only."""
    rate = float(measured.evidence.face.fps)
    found: list[Moment] = []
    ranked = sorted(timeline, key=lambda one: -(one.z[key] or 0.0))
    for span in ranked:
        z = span.z[key]
        if z is None or z < SUSPICIOUS_Z or len(found) == MOMENTS:
            break
        frame = _worst_frame(measured, key, span)
        if all(abs(frame / rate - other.time) >= MOMENTS_APART_S for other in found):
            found.append(Moment(frame / rate, frame, z))
    return tuple(found)


def _worst_frame(measured: Measured, key: str, span: SpanScores) -> int:
    """The frame of a span at which the question's picture measures are farthest off their median.

    The middle of the span where none of its measures has frames.
    """
    off = np.zeros(span.end - span.first)
    for one in measured.measures:
        if one.question == key and one.name in measured.pictures:
            series = measured.pictures[one.name]
            known = series[np.isfinite(series)]
            if len(known):
                spread = float(np.std(known)) + 1e-6
                part = (series[span.first : span.end] - np.median(known)) / spread
                sign = -1.0 if one.suspicious == "low" else 1.0
                part = np.abs(part) if one.suspicious == "both" else sign * part
                off = np.fmax(off, np.nan_to_num(part, nan=0.0))
    best = int(np.argmax(off)) if off.any() else len(off) // 2
    return span.first + best


def plain(value: float | None) -> float | None:
    """A number for JSON: NaN and infinities become None."""
    return None if value is None or not math.isfinite(value) else round(float(value), 4)
