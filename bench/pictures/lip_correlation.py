"""Correlation and amplitude of detected against wanted lip motion."""

from __future__ import annotations

import numpy as np

from lipsync.types import F32


def correlate(wanted: F32, seen: F32) -> tuple[float, float]:
    """Correlation of two series (n,), and the ratio seen / wanted of their standard deviations.

    Frames where either is NaN are ignored.
    """
    known = np.isfinite(wanted) & np.isfinite(seen)
    wanted, seen = wanted[known], seen[known]
    return float(np.corrcoef(wanted, seen)[0, 1]), float(seen.std() / wanted.std())
