"""Small numeric functions that several stages share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Standard deviation of a normal distribution per median absolute deviation.
MAD_TO_SIGMA = 1.4826


def smoothstep(x: NDArray[Any]) -> NDArray[Any]:
    """3x² − 2x³ of values in 0..1: from 0 to 1 with no slope at either end; keeps the dtype."""
    return np.asarray(x * x * (3 - 2 * x))
