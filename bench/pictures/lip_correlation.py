"""How well a mouth that is seen follows a mouth that was wanted."""

from __future__ import annotations

import numpy as np

from lipsync.types import F32


def follows(wanted: F32, seen: F32) -> tuple[float, float]:
    """Correlation of two courses (n,), and the ratio seen / wanted of their standard deviations.

    Frames in which either is not known (NaN) do not count.
    """
    known = np.isfinite(wanted) & np.isfinite(seen)
    wanted, seen = wanted[known], seen[known]
    return float(np.corrcoef(wanted, seen)[0, 1]), float(seen.std() / wanted.std())
