"""Clips scored against real footage of other people, and how the likelihood is fitted to them.

Spans of two lengths are scored apart (`reference.SHORT_S`): whole clips, most of which are long,
and windows of the timeline. m measures, q questions, w ways of making.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from lipsync.inspection.likelihood import compare_ways, greatest
from lipsync.inspection.measures import Measure
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.reference import SHORT_S, WAY, Distribution, Population
from lipsync.inspection.scoring import highest_scores, score_measures, score_questions
from lipsync.inspection.ways import WAYS, sum_traces, to_feature
from lipsync.types import F64, Bools
from training.inspection.measured_clips import ClipValues

REAL = "real"  # every kind of real clip begins so
PENALTY = 0.02  # on squared weights, so that measures which agree share what they tell
# Which way of making each kind of fake is an example of.
WAY_OF = {
    "shifted": "sound", "stretched": "sound", "other_sound": "sound",
    "median": "speech", "plain_median": "speech", "nearest": "speech", "decoder": "speech",
    "swap": "face", "blurred": "face", "reencoded": "face", "tinted": "face",
    "doubled_chin": "face", "flickering_hand": "face",
    "frozen": "motion", "jittered": "motion",
}  # fmt: skip
# Measures of networks that were trained on the train people: their clips are no fair sample of what
# these networks say of real footage.
LEARNED = ("sync.", "motion.dynamics")
# In short spans there are too few places where lips and sound can be compared for an offset.
LONG_ONLY = ("sync.offset",)
Weights = dict[str, dict[str, float]]  # way → measure → weight


@dataclass(frozen=True)
class Span:
    """A whole clip, or a window of one."""

    clip: ClipValues
    whole: bool
    values: dict[str, float]

    @property
    def short(self) -> bool:
        """Whether it is compared with short spans."""
        return not self.whole or self.clip.clip.seconds < SHORT_S

    @property
    def person(self) -> str:
        """Who is seen."""
        return self.clip.clip.person

    @property
    def held_out(self) -> bool:
        """Whether nothing that ships may be fitted to it."""
        return self.clip.clip.split == "held_out"

    @property
    def real(self) -> bool:
        """Whether its clip is none of the made ones."""
        return self.clip.clip.kind.startswith(REAL)


@dataclass(frozen=True, eq=False)
class Scored:
    """Spans with their scores against real footage of other people."""

    spans: list[Span]
    measures: F64  # (n, m), NaN: not applicable
    questions: F64  # (n, q)
    names: list[str]  # of the measures

    def where(self, wanted: Callable[[Span], bool]) -> Scored:
        """Those that are wanted."""
        keep = [i for i, one in enumerate(self.spans) if wanted(one)]
        return Scored(
            [self.spans[i] for i in keep], self.measures[keep], self.questions[keep], self.names
        )

    @property
    def kinds(self) -> list[str]:
        """The kind of every span's clip."""
        return [one.clip.clip.kind for one in self.spans]

    @property
    def made(self) -> Bools:
        """(n,), whether a span is of a clip that was made."""
        return np.array([not one.real for one in self.spans], bool)


def spans_of(clips: Sequence[ClipValues]) -> list[Span]:
    """Every clip, and the windows of the long ones."""
    found = []
    for clip in clips:
        found.append(Span(clip, True, clip.whole))
        if not found[-1].short:
            found += [Span(clip, False, values) for values in clip.windows]
    return found


def describe_population(reals: Sequence[Span], measures: Sequence[Measure]) -> Population:
    """How measures and questions are distributed over real spans, every person counting alike."""
    found = {}
    for measure in measures:
        fair = reals
        if measure.name.startswith(LEARNED):
            fair = [one for one in reals if one.held_out]
        if reals and reals[0].short and measure.name in LONG_ONLY:
            continue
        values = [one.values.get(measure.name, math.nan) for one in fair]
        found[measure.name] = _over_people(fair, values)
    to = Population(_known(found))
    highest = [highest_scores(score_measures(one.values, measures, to), measures) for one in reals]
    questions = {key: _over_people(reals, [one[key] for one in highest]) for key in QUESTIONS}
    return Population({**to.distributions, **_known(questions)})


def add_ways(
    to: Population, reals: Sequence[Span], measures: Sequence[Measure], weights: Weights
) -> Population:
    """The population with what the detectors of all ways find in its real spans."""
    sums = [sum_traces(score_measures(one.values, measures, to), weights) for one in reals]
    return Population({**to.distributions, **_spread_of_ways(reals, sums)})


def _spread_of_ways(
    reals: Sequence[Span], sums: Sequence[dict[str, float]]
) -> dict[str, Distribution]:
    """How what the detectors find is distributed over real spans, by WAY and the way."""
    ways = sums[0] if sums else ()
    return _known({WAY + way: _over_people(reals, [one[way] for one in sums]) for way in ways})


def _over_people(spans: Sequence[Span], values: Sequence[float]) -> Distribution | None:
    people: dict[str, list[float]] = {}
    for span, value in zip(spans, values, strict=True):
        people.setdefault(span.person, []).append(value)
    return Distribution.over_people(list(people.values()))


def _known(found: dict[str, Distribution | None]) -> dict[str, Distribution]:
    return {name: one for name, one in found.items() if one is not None}


def without_own(spans: Sequence[Span]) -> Iterator[tuple[list[int], list[int]]]:
    """Every person's spans of one length, and the real ones of that length of everybody else."""
    for person in dict.fromkeys(one.person for one in spans):
        for short in (True, False):
            alike = [i for i, one in enumerate(spans) if one.short == short]
            mine = [i for i in alike if spans[i].person == person]
            if mine:
                yield mine, [i for i in alike if spans[i].person != person and spans[i].real]


def score_without_person(clips: Sequence[ClipValues], measures: Sequence[Measure]) -> Scored:
    """Scores of every span against the real footage of everybody else."""
    spans = spans_of(clips)
    z = np.full((len(spans), len(measures)), np.nan)
    q = np.full((len(spans), len(QUESTIONS)), np.nan)
    for mine, others in without_own(spans):
        to = describe_population([spans[i] for i in others], measures)
        for i in mine:
            scores = score_measures(spans[i].values, measures, to)
            z[i] = list(scores.values())
            q[i] = list(score_questions(scores, measures, to).values())
    return Scored(spans, z, q, [one.name for one in measures])


def fit_ways(scored: Scored) -> Weights:
    """Weights of every way's detector: penalized logistic regressions, no weight negative.

    Each is fitted to all real clips and the made ones of its way. Both count alike in sum, and so
    does every kind among the made ones.
    """
    x, made = np.vectorize(to_feature)(scored.measures), scored.made
    kinds = np.array(scored.kinds)
    weights = {}
    for way in WAYS:
        members = sorted({kind for kind in kinds[made] if WAY_OF[kind] == way})
        if not members:
            continue
        share = share_alike(made, kinds, members)
        found, _ = fit_logistic(x, made, share)
        weights[way] = {
            name: round(float(w), 4)
            for name, w in zip(scored.names, found, strict=True)
            if w >= 5e-4
        }
    return weights


def share_alike(made: Bools, kinds: NDArray[np.str_], members: Sequence[str]) -> F64:
    """(n,), how much every clip counts: real and made alike in sum, and so every kind of these."""
    share = np.asarray((~made) / max((~made).sum(), 1), np.float64)
    for kind in members:
        share += (kinds == kind) / (kinds == kind).sum() / len(members)
    return share


def fit_logistic(x: F64, made: Bools, share: F64) -> tuple[F64, float]:
    """Weights, none negative, and bias of a logistic regression.

    Args:
        x: (n, k), features.
        share: (n,), how much every one counts.
    """
    y = made.astype(float)

    def loss(p: F64) -> tuple[float, F64]:
        logit = x @ p[:-1] + p[-1]
        error = 1 / (1 + np.exp(-logit)) - y
        value = share @ (np.logaddexp(0, logit) - y * logit) + PENALTY * p[:-1] @ p[:-1]
        slope = np.append(x.T @ (share * error) + 2 * PENALTY * p[:-1], share @ error)
        return float(value), slope

    bounds = [(0, None)] * x.shape[1] + [(None, None)]
    best = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B").x
    return best[:-1], float(best[-1])


def greatest_traces(scored: Scored, weights: Weights) -> F64:
    """(n,), the greatest excess of all ways, against real spans of other people; NaN: none."""
    rows = [dict(zip(scored.names, row, strict=True)) for row in scored.measures.tolist()]
    sums = [sum_traces(row, weights) for row in rows]
    found = np.full(len(rows), np.nan)
    for mine, others in without_own(scored.spans):
        to = Population(
            _spread_of_ways([scored.spans[i] for i in others], [sums[i] for i in others])
        )
        for i in mine:
            excess = compare_ways(sums[i], to)
            found[i] = greatest(excess) if excess else np.nan
    return found


def fit_likelihood(traces: F64, made: Bools, kinds: Sequence[str]) -> tuple[float, float]:
    """Slope and bias of the likelihood over the greatest excess of all ways."""
    known, named = np.isfinite(traces), np.array(kinds)
    x, y, named = traces[known, None], made[known], named[known]
    slope, bias = fit_logistic(x, y, share_alike(y, named, sorted(set(named[y]))))
    return round(float(slope[0]), 4), round(bias, 4)


def area_under_curve(real: F64, made: F64) -> float:
    """Probability that a made clip has a higher value than a real one, ties counting half."""
    if not len(real) or not len(made):
        return float("nan")
    above = (made[:, None] > real[None]).mean() + 0.5 * (made[:, None] == real[None]).mean()
    return float(above)
