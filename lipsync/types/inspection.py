"""Inspections: scores, and answers to the questions that a viewer would ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["suspicious", "unremarkable", "not applicable"]


@dataclass(frozen=True)
class Score:
    """One measure over a span."""

    measure: str
    words: str  # what is measured
    value: float | None
    z: float | None  # against real footage, positive where suspicious
    reason: str | None = None  # why there is none


@dataclass(frozen=True)
class Moment:
    """A moment at which a question is answered worst."""

    time: float  # seconds
    frame: int
    z: float


@dataclass(frozen=True)
class Answer:
    """The answer to one question over the whole video."""

    question: str  # key
    text: str  # the question
    verdict: Verdict
    words: str  # the answer in plain words
    z: float | None
    scores: tuple[Score, ...]
    moments: tuple[Moment, ...]  # the worst first; none where it is unremarkable throughout


@dataclass(frozen=True)
class SpanScores:
    """A span of frames first … end − 1: a window of the timeline, a shot, the whole video."""

    first: int
    end: int
    z: dict[str, float | None]  # by question
    likelihood: float | None
    way: str | None = None  # of making, to which the traces point most
