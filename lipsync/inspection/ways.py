"""The ways in which a video of a person is made, and how one is told by its measures.

Each way leaves traces of its own: laying another sound on a recording leaves the picture as it was,
painting over the face leaves the lips in time with the sound. So every way has a detector of its
own, and what counts is the one that finds most. A single sum over all measures would let the many
that have nothing to do with a way drown the few that show it. Ways that are not known leave traces
too: OTHER is found by whatever stands out most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Way:
    """One way of making a video."""

    key: str
    words: str  # what is likely, where it is the one that finds most


OTHER = "other"
WAYS = {
    one.key: one
    for one in (
        Way("sound", "another sound was laid on it, or its sound was moved"),
        Way("speech", "its mouth was made to speak this sound"),
        Way("face", "a part of its face was painted over or replaced"),
        Way("motion", "the motion of its mouth was stopped or disturbed"),
        Way(OTHER, "it is unlike recordings in a way that no known method explains"),
    )
}

# Scores are counted from FROM on: smaller ones are what real footage is full of. Beyond MOST they
# say nothing more, and one broken measure must not decide alone.
FROM, MOST = 1.0, 6.0


def to_feature(z: float) -> float:
    """How much a measure's score counts, 0 … MOST − FROM; 0 where it is not applicable."""
    return 0.0 if not math.isfinite(z) else float(np.clip(z, FROM, MOST) - FROM)


def sum_traces(
    z: Mapping[str, float], weights: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """What the detector of every way finds.

    Args:
        z: of every measure; NaN: not applicable.
        weights: way → measure → weight, none negative.

    Returns:
        The weighted sum of every way, and under OTHER the highest single score; NaN where none of
        a way's measures is applicable.
    """
    known = [to_feature(one) for one in z.values() if math.isfinite(one)]
    found = {OTHER: max(known, default=math.nan)}
    for way, counted in weights.items():
        given = [name for name in counted if math.isfinite(z.get(name, math.nan))]
        total = sum(counted[name] * to_feature(z[name]) for name in given)
        found[way] = total if given else math.nan
    return found
