"""Clips scored against real footage of other people, and how a likelihood is fitted to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from lipsync.inspection.likelihood import BIAS, estimate_likelihood, to_feature
from lipsync.inspection.measures import Measure
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.reference import Distribution, Reference
from lipsync.inspection.scoring import highest_scores, score_questions
from lipsync.types import F64, Bools
from training.inspection.measured_clips import ClipValues

REAL = "real"  # every kind of real clip begins so
PENALTY = 0.02  # on squared weights, so that questions which agree share what they tell


@dataclass(frozen=True, eq=False)
class Scored:
    """Clips with their questions' scores against real footage of other people."""

    clips: list[ClipValues]
    z: F64  # (n, questions), NaN: not applicable

    def where(self, wanted: Callable[[ClipValues], bool]) -> Scored:
        """Those that are wanted."""
        keep = [i for i, one in enumerate(self.clips) if wanted(one)]
        return Scored([self.clips[i] for i in keep], self.z[keep])

    @property
    def made(self) -> Bools:
        """(n,), whether a clip was made."""
        return np.array([is_made(one) for one in self.clips], bool)


def is_made(one: ClipValues) -> bool:
    """Whether a clip is none of the real ones."""
    return not one.clip.kind.startswith(REAL)


def distributions(
    reals: Sequence[ClipValues], measures: Sequence[Measure]
) -> dict[str, Distribution]:
    """How every measure is distributed over real clips, every person counting alike."""
    found = {}
    for measure in measures:
        people: dict[str, list[float]] = {}
        for one in reals:
            for values in (one.whole, *one.windows):
                people.setdefault(one.clip.person, []).append(values.get(measure.name, np.nan))
        found[measure.name] = Distribution.over_people(list(people.values()))
    return {name: one for name, one in found.items() if one is not None}


def with_questions(
    found: dict[str, Distribution], reals: Sequence[ClipValues], measures: Sequence[Measure]
) -> dict[str, Distribution]:
    """Distributions of measures joined by those of every question's highest score."""
    to = Reference("", 0, 0, found, {}, 0.5, {})
    people: dict[str, dict[str, list[float]]] = {key: {} for key in QUESTIONS}
    for one in reals:
        for values in (one.whole, *one.windows):
            for key, z in highest_scores(values, measures, to).items():
                people[key].setdefault(one.clip.person, []).append(z)
    questions = {key: Distribution.over_people(list(one.values())) for key, one in people.items()}
    return found | {key: one for key, one in questions.items() if one is not None}


def score_without_person(clips: list[ClipValues], measures: Sequence[Measure]) -> Scored:
    """Scores of every clip against the real footage of everybody else."""
    z = np.full((len(clips), len(QUESTIONS)), np.nan)
    for person in {one.clip.person for one in clips}:
        others = [one for one in clips if one.clip.person != person and not is_made(one)]
        known = with_questions(distributions(others, measures), others, measures)
        to = Reference("", len(others), 0, known, {}, 0.5, {})
        for i, one in enumerate(clips):
            if one.clip.person == person:
                z[i] = list(score_questions(one.whole, measures, to).values())
    return Scored(clips, z)


def fit_likelihood(scored: Scored) -> dict[str, float]:
    """Weights of the questions, none negative, and the bias: penalized logistic regression.

    Real and made clips count alike in sum, and so does every kind among the made ones.
    """
    x = np.vectorize(to_feature)(scored.z)
    y = scored.made.astype(float)
    kinds = [one.clip.kind if made else REAL for one, made in zip(scored.clips, y, strict=True)]
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    share = {kind: 1.0 if kind == REAL else 1 / (len(counts) - 1) for kind in counts}
    weight = np.array([share[kind] / counts[kind] for kind in kinds])

    def loss(p: F64) -> tuple[float, F64]:
        logit = x @ p[:-1] + p[-1]
        error = 1 / (1 + np.exp(-logit)) - y
        value = weight @ (np.logaddexp(0, logit) - y * logit) + PENALTY * p[:-1] @ p[:-1]
        slope = np.append(x.T @ (weight * error) + 2 * PENALTY * p[:-1], weight @ error)
        return float(value), slope

    bounds = [(0, None)] * len(QUESTIONS) + [(None, None)]
    start = np.zeros(len(QUESTIONS) + 1)
    best = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return {key: round(float(w), 4) for key, w in zip([*QUESTIONS, BIAS], best, strict=True)}


def likelihoods(scored: Scored, weights: dict[str, float]) -> F64:
    """(n,), the likelihood of every clip; one on which nothing can be said counts as 0."""
    to = Reference("", 0, 0, {}, weights, 0.5, {})
    rows = (dict(zip(QUESTIONS, row, strict=True)) for row in scored.z.tolist())
    return np.nan_to_num(np.array([estimate_likelihood(row, to) for row in rows], np.float64))


def area_under_curve(real: F64, made: F64) -> float:
    """Probability that a made clip has a higher value than a real one, ties counting half."""
    if not len(real) or not len(made):
        return float("nan")
    above = (made[:, None] > real[None]).mean() + 0.5 * (made[:, None] == real[None]).mean()
    return float(above)
