"""One calibrated likelihood from the scores of all measures.

    measures' scores → what the detector of every way of making finds → against what it finds in
    real footage → the greatest → likelihood

Weights are never negative: nothing makes a video look more real than having no suspicious score.
What is not applicable adds nothing. `python -m training.inspection.calibrate` fits it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lipsync.inspection.reference import Population, Reference
from lipsync.inspection.ways import sum_traces

# Of the soft maximum over the ways: so much sharper than a mean that one way alone suffices.
SHARPNESS = 3.0


@dataclass(frozen=True)
class Finding:
    """Whether a span was made, and how."""

    likelihood: float  # 0 … 1, with even odds before it was looked at; NaN: nothing is applicable
    way: str | None  # the one whose detector finds most; None: nothing is applicable


def estimate_likelihood(z: Mapping[str, float], reference: Reference, to: Population) -> Finding:
    """The likelihood that a video was made.

    Args:
        z: of every measure against `to`; NaN: not applicable.
        to: real spans of the same length.
    """
    found = compare_ways(sum_traces(z, reference.ways), to)
    if not found:
        return Finding(math.nan, None)
    logit = reference.bias + reference.slope * greatest(found)
    return Finding(1 / (1 + math.exp(-logit)), max(found, key=lambda way: found[way]))


def compare_ways(sums: Mapping[str, float], to: Population) -> dict[str, float]:
    """What each detector finds, 0 at the median of real spans and 1 at what 3 in 200 of them reach.

    Without the ways that are not applicable.
    """
    found = {way: to.excess(way, value) for way, value in sums.items()}
    return {way: value for way, value in found.items() if math.isfinite(value)}


def greatest(found: Mapping[str, float]) -> float:
    """The soft maximum over the ways."""
    most = max(found.values())
    total = sum(math.exp(SHARPNESS * (value - most)) for value in found.values())
    return most + math.log(total) / SHARPNESS
