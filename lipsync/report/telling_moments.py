"""Which moments of a render tell most about it: what the mouth says, and where it is hardest.

All is chosen from tracks over the whole clip, so that only the frames that are shown need to be
looked at. Symbols: n output frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import maximum_filter1d

from lipsync.report.mouth_course import SHUT, Closure, MouthCourse, find_closures, spread_over
from lipsync.types import F32

Group = Literal["speech", "trial"]  # what the mouth says; what is hard, and what looks worst

APART_S = 0.3  # between two moments of one kind
SAME_S = 0.05  # of two kinds: nearer ones are the same picture
SURE = 0.25  # of p, b and m: lips that stay open there are worth a look
OPEN = 0.35  # of the range of the gap: an open mouth
LEAST_TURN = 8.0  # degrees: less is no turned head
LEAST_TEETH = 0.002  # squared outer-eye distances
# What is said of the frame with the worst of a score, and of the second one.
WORST = {
    "flicker": ("most flicker", "also flickers"),
    "blur": ("softest", "also soft"),
    "tone": ("skin tone", "also skin tone"),
}
WORDS_MOST = 34  # letters above a column
FADING = (0.15, 0.85)  # weight of the new mouth at the border of a span


@dataclass(frozen=True)
class Moment:
    """One output frame that is worth a look, and why."""

    frame: int
    words: str
    group: Group = "speech"


def choose_moments(course: MouthCourse, most: int = 6) -> list[Moment]:
    """The moments to show, in time within their group; at most so many of each group."""
    speech = _Choice(course, "speech", most)
    trial = _Choice(course, "trial", most)
    if course.shown.any():
        closures = find_closures(course)
        shut = [one for one in closures if one.gap <= SHUT]
        wide = np.where(course.shown, course.opening, np.nan)
        for one in shut[:1]:
            speech.take("closed", one.frame, _closed(one))
        speech.take_most("wide", wide, "widest")
        rounded = np.where(course.gap >= OPEN, -course.width, np.nan)
        speech.take_most("rounded", rounded, "most rounded")
        teeth = course.scores.get("teeth")
        if teeth is not None and np.nan_to_num(teeth).max(initial=0) > LEAST_TEETH:
            speech.take_most("teeth", np.where(course.shown, teeth, np.nan), "most teeth")
        late = [one for one in closures if one.gap > SHUT and one.sure >= SURE]
        for one in sorted(late, key=lambda one: -one.gap)[:1]:
            speech.take("open", one.frame, f"open at {one.letter}")
        for one in shut[1:]:
            speech.take("closed", one.frame, _closed(one))
        for frame in _peaks(wide, course):
            speech.take("wide", frame, "open")
    _take_trials(trial, course)
    return [*speech.moments(), *trial.moments()]


def _take_trials(trial: _Choice, course: MouthCourse) -> None:
    """What is hard, and what scores worst."""
    shown = course.shown
    if course.fading is not None:
        trial.take_most("fade", _seams(course), "new mouth fades in")
    if course.covered is not None and course.covered.max(initial=0) > 0:
        behind = np.where(shown & (course.covered > 0), course.covered, np.nan)
        if np.isfinite(behind).any():
            trial.take_most("covered", behind, "something before it")
        else:
            hidden = np.where(course.covered > 0, course.covered, np.nan)
            trial.take_most("covered", hidden, "covered: own mouth")
    if course.turn is not None:
        turned = np.where(shown & (course.turn >= LEAST_TURN), course.turn, np.nan)
        trial.take_most("turned", turned, "head turned {:.0f}°")
    scores = {name: np.where(shown, one, np.nan) for name, one in course.scores.items()}
    for name, (words, _) in WORST.items():
        if name in scores:
            trial.take_most(name, scores[name], words)
    if course.distances is not None:
        trial.take_most("rare", np.where(shown, course.distances, np.nan), "rarest mouth")
    for name, (_, words) in WORST.items():
        if name in scores:
            trial.take_most(name, scores[name], words)


def choose_strip(course: MouthCourse, count: int = 12) -> tuple[range, Closure | None]:
    """Consecutive frames around the most telling closure, and which one it is.

    Without any: the stretch in which the lips move furthest.
    """
    n = len(course)
    shut = [one for one in find_closures(course) if one.gap <= SHUT] if course.shown.any() else []
    if shut:
        middle: int = shut[0].frame
    elif course.shown.any():
        gap = course.gap
        reach = count // 2
        swing = spread_over(gap, reach, np.nanmax) - spread_over(gap, reach, np.nanmin)
        middle = int(np.nan_to_num(swing, nan=-1).argmax())
    else:
        middle = n // 2
    first = max(0, min(middle - (count - 1) // 2, n - count))
    return range(first, min(n, first + count)), shut[0] if shut else None


class _Choice:
    """Moments of one group as they are chosen."""

    def __init__(self, course: MouthCourse, group: Group, most: int) -> None:
        self._course, self._group, self._most = course, group, most
        self._words: dict[int, list[str]] = {}  # by frame
        self._kinds: dict[str, list[int]] = {}

    def take(self, kind: str, frame: int, words: str) -> bool:
        """Take a moment if there is room, and none of its kind is near."""
        times = self._course.times
        near = self._kinds.setdefault(kind, [])
        if any(abs(times[frame] - times[other]) < APART_S for other in near):
            return False
        for other in self._words:
            if abs(times[frame] - times[other]) <= SAME_S:  # one picture, two reasons
                if len(", ".join([*self._words[other], words])) > WORDS_MOST:
                    return False
                self._words[other].append(words)
                near.append(other)
                return True
        if len(self._words) >= self._most:
            return False
        self._words[frame] = [words]
        near.append(frame)
        return True

    def take_most(self, kind: str, values: F32, words: str) -> None:
        """Take the frame with the largest of values (n,), NaN: not to be taken.

        Args:
            words: may name the value, as `{:.0f}`.
        """
        near = self._kinds.get(kind, [])
        times = self._course.times
        free = np.asarray(values, np.float64).copy()
        for other in near:
            free[np.abs(times - times[other]) < APART_S] = np.nan
        if np.isfinite(free).any():
            frame = int(np.nanargmax(free))
            self.take(kind, frame, words.format(free[frame]))

    def moments(self) -> list[Moment]:
        """Those taken, in time."""
        return [Moment(i, ", ".join(self._words[i]), self._group) for i in sorted(self._words)]


def _closed(one: Closure) -> str:
    return f"closure ({one.letter})" if one.letter else "closure"


def _seams(course: MouthCourse) -> F32:
    """Where the new mouth fades in, by how far it is from the target's own there; else NaN."""
    assert course.fading is not None  # noqa: S101 — asked by the caller
    rising = np.diff(course.fading, prepend=course.fading[:1]) > 0
    seam = rising & (course.fading > FADING[0]) & (course.fading < FADING[1])
    seam &= course.visible > 0  # not where the target's own mouth is kept
    change = np.zeros(len(course), np.float32)
    if course.own_opening is not None:
        change = np.nan_to_num(np.abs(course.opening - course.own_opening))
    return np.where(seam, change, np.nan).astype(np.float32)


def _peaks(values: F32, course: MouthCourse) -> list[int]:
    """Frames of local maxima, the largest first."""
    known = np.where(np.isfinite(values), values, -np.inf)
    top = known == maximum_filter1d(known, 2 * course.count(APART_S) + 1, mode="nearest")
    found = np.flatnonzero(top & np.isfinite(known))
    return [int(i) for i in found[np.argsort(-known[found], kind="stable")]]
