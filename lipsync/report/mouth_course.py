"""What a mouth does over a whole render, and where the speech asks it to close.

Symbols: n output frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from lipsync.types import F32, F64, Bools

# Probability of p, b and m together from which on a peak counts: of 42 phones, with flat
# posteriors.
HEARD = 0.15
NEAR_S = 0.08  # lips and sound are rarely in better sync
RANGE_PERCENTS = (5, 95)  # of the gap between the lips, which are its 0 and 1
LEAST_RANGE = 0.04  # outer-eye distances: lips that hardly move have no range
SHUT = 0.3  # of that range: the gap of shut lips at most
LEAST_SWING = 0.3  # of that range, by which lips open on both sides of a closure
SWING_S = 0.25  # around a closure, in which the lips open
SHOWN = 0.5  # weight of the new mouth from which on it is looked at


@dataclass(frozen=True, eq=False)
class MouthCourse:
    """What a speaker's mouth does over the n frames of an output, and what is hard about it."""

    times: F64  # (n,), seconds
    opening: F32  # (n,), gap between the inner lips, canonical; NaN: no mouth is wanted
    width: F32  # (n,), between the corners of the mouth, canonical
    visible: F32  # (n,) 0..1, of the new mouth
    bilabials: Mapping[str, F32] = field(default_factory=dict)  # letter → (n,), how surely heard
    turn: F32 | None = None  # (n,), degrees by which the head is turned
    covered: F32 | None = None  # (n,) 0..1, how much of the lower face something hides
    fading: F32 | None = None  # (n,) 0..1, weight of the new mouth in its spans
    own_opening: F32 | None = None  # (n,), of the target's own lips
    # What is known when the frames are made.
    distances: F32 | None = None  # (n,), of the nearest real mouth from the wanted one
    scores: Mapping[str, F32] = field(default_factory=dict)  # see `mouth_scores.SCORES`

    def __len__(self) -> int:
        return len(self.times)

    @cached_property
    def rate(self) -> float:
        """Frames per second, on average."""
        n = len(self)
        return (n - 1) / float(self.times[-1] - self.times[0]) if n > 1 else 25.0

    def count(self, seconds: float) -> int:
        """How many frames a time span has, at least one."""
        return max(1, round(seconds * self.rate))

    @cached_property
    def shown(self) -> Bools:
        """(n,), whether there is a new mouth to look at."""
        return np.asarray((self.visible > SHOWN) & np.isfinite(self.opening))

    @cached_property
    def gap(self) -> F32:
        """The opening in its own range, (n,), 0: shut, 1: wide; NaN where none is shown."""
        opening = np.where(self.shown, self.opening, np.nan)
        if not self.shown.any():
            return np.asarray(opening, np.float32)
        low, high = np.nanpercentile(opening, RANGE_PERCENTS)
        return np.asarray((opening - low) / max(float(high - low), LEAST_RANGE), np.float32)


@dataclass(frozen=True)
class Closure:
    """Lips at a p, b or m, or, where no such sound is known, lips that shut between vowels."""

    frame: int  # the least open one
    letter: str  # "": none is known
    sure: float  # 0..1
    gap: float  # see `MouthCourse.gap`
    swing: float  # how far the lips open around it, in their range


def find_closures(course: MouthCourse) -> list[Closure]:
    """The closures that the speech asks for, the most telling first."""
    found = list(_heard_closures(course)) or list(_seen_closures(course))
    return sorted(found, key=lambda one: (-one.sure * max(one.swing, 0.05), one.frame))


def _heard_closures(course: MouthCourse) -> Iterator[Closure]:
    if not course.bilabials:
        return
    names, gap = list(course.bilabials), course.gap
    each = np.stack([course.bilabials[name] for name in names])
    heard = each.sum(0)
    reach, around = course.count(NEAR_S), course.count(SWING_S)
    peaks = (heard >= HEARD) & (heard == maximum_filter1d(heard, 2 * reach + 1)) & course.shown
    for peak in np.flatnonzero(peaks).tolist():
        near = np.arange(max(0, peak - reach), min(len(course), peak + reach + 1))
        near = near[course.shown[near]]
        # Of frames that are all shut the middle one.
        frame = int(min(near, key=lambda i: (round(max(float(gap[i]), 0), 2), abs(i - peak))))
        letter = names[int(each[:, peak].argmax())]
        swing = float(spread_over(gap, around, np.nanmax)[frame] - gap[frame])
        yield Closure(frame, letter, float(heard[peak]), float(gap[frame]), swing)


def _seen_closures(course: MouthCourse) -> Iterator[Closure]:
    """Lips that shut between two openings, of whatever sound."""
    gap, reach = course.gap, course.count(SWING_S)
    known = np.where(np.isfinite(gap), gap, np.inf)
    least = known == minimum_filter1d(known, 2 * reach + 1, mode="nearest")
    for frame in np.flatnonzero(least & (known <= SHUT)).tolist():
        sides = gap[max(0, frame - reach) : frame], gap[frame + 1 : frame + reach + 1]
        if all(np.isfinite(side).any() for side in sides):
            swing = min(float(np.nanmax(side)) for side in sides) - float(gap[frame])
            if swing >= LEAST_SWING:
                yield Closure(frame, "", 0.5, float(gap[frame]), swing)


def spread_over(values: F32, reach: int, of: Callable[..., F32]) -> F32:
    """A statistic of the known values within `reach` frames of each, (n,)."""
    padded = np.pad(values, reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    known = np.isfinite(windows).any(1)
    result = np.full(len(values), np.nan, np.float32)
    result[known] = of(windows[known], axis=1)
    return result
