"""One calibrated likelihood from the scores of all questions.

A logistic regression over how far every question's score lies above what real footage shows. Its
weights are never negative: nothing makes a video look more real than having no suspicious score.
Questions that are not applicable add nothing. `python -m training.inspection.calibrate` fits it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lipsync.inspection.reference import Reference

# Scores are counted from FROM on: smaller ones are what real footage is full of. Beyond MOST they
# say nothing more, and one broken measure must not decide alone.
FROM, MOST = 0.5, 6.0
BIAS = "bias"


def to_feature(z: float) -> float:
    """How much a question's score counts, 0 … MOST − FROM; 0 where it is not applicable."""
    return 0.0 if not math.isfinite(z) else float(np.clip(z, FROM, MOST) - FROM)


def estimate_likelihood(z: Mapping[str, float], reference: Reference) -> float:
    """The likelihood that a video was made, with even odds before it was looked at.

    Args:
        z: of every question; NaN: not applicable.

    Returns:
        0 … 1; NaN where no question that counts is applicable.
    """
    weights = reference.likelihood
    counted = [key for key in z if key != BIAS and key in weights and math.isfinite(z[key])]
    if not counted:
        return float("nan")
    logit = weights[BIAS] + sum(weights[key] * to_feature(z[key]) for key in counted)
    return 1 / (1 + math.exp(-logit))
