"""The distribution of real footage, and z-scores against it.

The numbers ship in assets/inspection.json; `python -m training.inspection.reference` writes them
from real clips.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from lipsync.errors import WeightsError
from lipsync.inspection.measures import Measure
from lipsync.runtime.checkpoint import asset_path

ASSET = "inspection.json"
# Where the distribution of a measure is recorded, and the standard normal's quantiles there.
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
NORMAL = ndtri(LEVELS)
# Beyond the outermost levels a score grows with the spread of the bulk: tails are never trusted
# to be thinner than the normal's.
Z_MOST = 12.0


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

        Linear between the recorded levels. Outside of them with the slope between the median and
        the outermost level, so that the scale of the tail is that of its half of the distribution.
        """
        if not math.isfinite(value):
            return float("nan")
        q = np.maximum.accumulate(np.asarray(self.quantiles) + 1e-9 * np.arange(len(LEVELS)))
        middle = len(LEVELS) // 2
        if q[0] <= value <= q[-1]:
            z = float(np.interp(value, q, NORMAL))
        else:
            edge = 0 if value < q[0] else -1
            slope = abs(NORMAL[edge]) / max(abs(q[edge] - q[middle]), 1e-9)
            z = float(NORMAL[edge] + (value - q[edge]) * slope)
        return float(np.clip(z, -Z_MOST, Z_MOST))


@dataclass(frozen=True)
class Reference:
    """Distributions of real footage, and how scores become a likelihood."""

    data: str  # what footage, in words
    clips: int
    people: int
    # Of every measure, and of the highest score of every question's measures, by its key.
    distributions: Mapping[str, Distribution]
    likelihood: Mapping[str, float]  # question → weight, and "bias"; see `likelihood`
    threshold: float  # of the likelihood, above which a video is called made
    rates: Mapping[str, float]  # measured error rates, by what they are of

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
            found = {
                name: Distribution(one["clips"], tuple(one["quantiles"]))
                for name, one in read.pop("distributions").items()
            }
            read.pop("about"), read.pop("levels")
            return Reference(distributions=found, **read)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{path}: not a reference of real footage: {error}") from None

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
