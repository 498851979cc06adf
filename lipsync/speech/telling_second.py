"""Which second of a speech shows most of what a mouth can do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.speech.articulation import LOWER, UPPER
from lipsync.types import F32

LEFT, RIGHT = 0, 6  # the corners
STEP_S = 0.1  # between two seconds that are compared
SHUT_PERCENT = 15  # of all gaps: at most so open is shut


def find_telling_second(shapes: F32, times: NDArray[np.floating], seconds: float = 1.0) -> float:
    """Where the lips shut, open widest and change their width most, within `seconds`.

    Args:
        shapes: (m, 18, 2), lips relative to a neutral mouth, as the network predicts them.
        times: (m,), seconds, ascending.

    Returns:
        The beginning, in seconds; 0 where the speech is shorter.
    """
    gap = shapes[:, LOWER, 1] - shapes[:, UPPER, 1]
    width = shapes[:, RIGHT, 0] - shapes[:, LEFT, 0]  # less than neutral is negative
    shut = gap <= np.percentile(gap, SHUT_PERCENT)
    end = max(0.0, float(times[-1]) - seconds)
    starts = np.arange(max(0.0, float(times[0])), end + 1e-6, STEP_S)
    if not len(starts):
        return 0.0
    telling = np.zeros(len(starts))
    for i, start in enumerate(starts):
        here = (times >= start) & (times < start + seconds)
        if here.any():
            # A mouth that never shuts in this second tells half as much.
            moved = np.ptp(gap[here]) + np.ptp(width[here])
            telling[i] = moved * (1 if shut[here].any() else 0.5)
    # Of several that tell the same, one that follows another: what they tell is in its middle.
    first = int(np.argmax(telling))
    others = np.flatnonzero(telling[first:] < telling[first] - 1e-6)
    end_of_best = first + (int(others[0]) if len(others) else len(starts) - first)
    return round(float(starts[(first + end_of_best - 1) // 2]), 3)
