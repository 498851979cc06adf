"""The distribution of real footage, and z-scores against it.

Short spans vary more than long ones: each is compared with real spans of about its length. The
numbers ship in assets/inspection.json; `python -m training.inspection.calibrate` writes them from
real clips.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from lipsync.errors import WeightsError
from lipsync.inspection.measures import Measure
from lipsync.runtime.checkpoint import asset_path

ASSET = "inspection.json"
WAY = "way."
# Where the distribution of a measure is recorded, and the standard normal's quantiles there.
LEVELS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995)
NORMAL = ndtri(LEVELS)
# Beyond the outermost level a score grows as between it and the TAIL-th from it: with the spread of
# the tail itself, which is often wider than that of the bulk.
TAIL = 4
Z_MOST = 12.0
SHORT_S = 2.5  # spans shorter than this are short
USUAL, MUCH = 0.5, 0.985  # levels of what a detector finds in real spans: see `Population.excess`
LEAST_EXCESS = 0.05


@dataclass(frozen=True)
class Distribution:
    """How one measure is distributed over real clips."""

    clips: int  # real clips that gave a value
    quantiles: tuple[float, ...]  # at LEVELS

    @staticmethod
    def over_people(people: Sequence[Sequence[float]]) -> Distribution | None:
        """Of the finite values of several people, all counting alike; None: there are none.

        Args:
            people: every person's values, one per clip.
        """
        known = [np.array([v for v in values if math.isfinite(v)]) for values in people]
        known = [values for values in known if len(values)]
        if not known:
            return None
        weights = np.concatenate([np.full(len(v), 1 / len(v)) for v in known])
        values = np.concatenate(known)
        order = np.argsort(values)
        reached = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
        quantiles = np.interp(LEVELS, reached, values[order])
        return Distribution(len(values), tuple(round(float(q), 6) for q in quantiles))

    def z(self, value: float) -> float:
        """The standard normal's value at the same quantile; NaN for NaN.

        Linear between the recorded levels, and beyond them with the slope of the tail.
        """
        if not math.isfinite(value):
            return float("nan")
        q = np.asarray(self.quantiles)
        if (shared := q == value).any():  # by many real clips: it is the middle of them
            z = float(NORMAL[shared].mean())
        elif q[0] < value < q[-1]:
            z = float(np.interp(value, q, NORMAL))
        else:
            edge, inner = (0, TAIL) if value < q[0] else (-1, -1 - TAIL)
            slope = abs(NORMAL[edge] - NORMAL[inner]) / max(abs(q[edge] - q[inner]), 1e-9)
            z = float(NORMAL[edge] + (value - q[edge]) * slope)
        return float(np.clip(z, -Z_MOST, Z_MOST))

    def quantile(self, level: float) -> float:
        """The value below which this share of the real ones lies."""
        return float(np.interp(level, LEVELS, self.quantiles))


@dataclass(frozen=True)
class Population:
    """Real spans of about one length."""

    # Of every measure; of the highest score of every question's measures, by its key; and of what
    # the detector of every way of making finds, by the way's key after WAY.
    distributions: Mapping[str, Distribution]

    def score(self, measure: Measure, value: float) -> float:
        """How suspicious a value is: its z-score, positive where it is; NaN: not applicable."""
        known = self.distributions.get(measure.name)
        if known is None:
            return float("nan")
        z = known.z(value)
        if measure.suspicious == "low":
            return -z
        return abs(z) if measure.suspicious == "both" else z

    def score_question(self, key: str, highest: float) -> float:
        """How suspicious the highest score of a question's measures is; NaN for NaN.

        The highest of many scores is seldom low: it is compared with the highest ones of real
        footage. Where those are not known it stands for itself.
        """
        known = self.distributions.get(key)
        return highest if known is None else known.z(highest)

    def excess(self, way: str, found: float) -> float:
        """How far what a detector finds lies above the usual: 1 is MUCH; NaN: not known."""
        known = self.distributions.get(WAY + way)
        if known is None:
            return float("nan")
        usual = known.quantile(USUAL)
        return (found - usual) / max(known.quantile(MUCH) - usual, LEAST_EXCESS)


@dataclass(frozen=True)
class Reference:
    """Distributions of real footage, and how scores become a likelihood."""

    data: str  # what footage, in words
    clips: int
    people: int
    short: Population  # spans shorter than SHORT_S
    long: Population
    ways: Mapping[str, Mapping[str, float]]  # way of making → measure → weight; see `ways`
    slope: float  # of the likelihood's logit over the greatest excess of all ways
    bias: float
    threshold: float  # of the likelihood, above which a video is called made
    rates: Mapping[str, float]  # measured error rates, by what they are of

    def population(self, seconds: float) -> Population:
        """What a span of this length is compared with."""
        return self.short if seconds < SHORT_S else self.long

    @staticmethod
    @cache
    def load(path: Path | None = None) -> Reference:
        """The shipped reference, or one from a file.

        Raises:
            WeightsError: missing or damaged.
        """
        path = path or asset_path(ASSET)
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
            short, long = (_read_population(read.pop(name)) for name in ("short", "long"))
            read.pop("about"), read.pop("levels")
            return Reference(short=short, long=long, **read)
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError,
        ) as error:  # fmt: skip
            raise WeightsError(f"{path}: not a reference of real footage: {error}") from None


def _read_population(read: dict[str, Any]) -> Population:
    return Population(
        {
            name: Distribution(one["clips"], tuple(one["quantiles"]))
            for name, one in read["distributions"].items()
        }
    )
