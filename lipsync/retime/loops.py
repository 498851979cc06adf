"""Orders for a target that is shorter than the speech: forth and back, in a loop, or held.

Symbols: m target frames, n output frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.retime.motion import Motion
from lipsync.types import I64, Bools

EDGE_S = 0.12  # to a cut or an end of the target: nearer than that nothing turns or joins
# Where to turn or join is sought within this share of the target at its ends, and no further from
# them than LONGEST_S: most of the footage stays in use, and the search of a loop stays small.
SHARE, LONGEST_S = 0.3, 30.0
CALM_S = 1.0  # of the end of the target, in which a frame to hold is sought
# Two frames join in a loop by how far the head is apart, and by how far it would be after this time
# if each went on with its own speed: a jump of the motion is seen as much as one of the place.
AHEAD_S = 0.1


def play_straight(m: int, n: int) -> I64:
    """The target as it is, its last frame held where it is too short."""
    return np.minimum(np.arange(n, dtype=np.int64), m - 1)


def bounce(motion: Motion, n: int) -> I64:
    """Forth and back, (n,), turning where the head is at rest.

    It starts as the footage does, and turns at the calmest frame near either end of the target, not
    within EDGE_S of a cut or of the end itself unless there is no other. The frame at which it
    turns is shown once.
    """
    m = len(motion)
    if m == 1 or n <= m:
        return play_straight(m, n)
    first, last = _find_calmest(motion, _head(motion)), _find_calmest(motion, _tail(motion))
    if first >= last:
        first, last = 0, m - 1
    period = 2 * (last - first)
    at = np.arange(n, dtype=np.int64)
    gone = (at - last) % period
    later = np.where(gone <= last - first, last - gone, 2 * first - last + gone)
    return np.where(at <= last, at, later)


def loop(motion: Motion, n: int) -> I64:
    """From the start again and again, (n,), joined where the head's place and speed fit best.

    The frame near the end of the target from which it goes back, and the frame near its start at
    which it goes on, are the pair that is least apart; its own first frames are shown once.
    """
    m = len(motion)
    if m == 1 or n <= m:
        return play_straight(m, n)
    first, last = _find_joint(motion)
    at = np.arange(n, dtype=np.int64)
    later = first + (at - last) % (last - first)  # the frame `last` is shown as `first`
    return np.where(at < last, at, later)


def hold(motion: Motion, n: int) -> I64:
    """The target once, (n,), then the calmest frame of its last second for the rest."""
    m = len(motion)
    if n <= m:
        return play_straight(m, n)
    tail = np.zeros(m, bool)
    tail[-max(1, round(CALM_S * motion.rate)) :] = True
    return play_straight(_find_calmest(motion, tail & _last_shot(motion), edge=False) + 1, n)


def _last_shot(motion: Motion) -> Bools:
    return np.asarray(motion.shot == motion.shot[-1])


def _search_frames(motion: Motion) -> int:
    """Frames from an end of the target in which turns are sought, at least one."""
    return max(1, int(min(SHARE * len(motion), LONGEST_S * motion.rate)))


def _head(motion: Motion) -> Bools:
    return np.arange(len(motion)) < _search_frames(motion)


def _tail(motion: Motion) -> Bools:
    return np.arange(len(motion)) >= len(motion) - _search_frames(motion)


def _away_from_cuts(motion: Motion, wanted: Bools) -> Bools:
    """Those of the wanted frames that are away from cuts; all of them if none is."""
    inner = wanted & ~motion.near_cut(max(1, round(EDGE_S * motion.rate)))
    return inner if inner.any() else wanted


def _find_calmest(motion: Motion, wanted: Bools, edge: bool = True) -> int:
    """The wanted frame in which the head moves least."""
    if edge:
        wanted = _away_from_cuts(motion, wanted)
    return int(np.where(wanted, motion.speed, np.inf).argmin())


def _find_joint(motion: Motion) -> tuple[int, int]:
    """(first, last): the frames near the start and near the end that look most alike."""
    starts = np.flatnonzero(_away_from_cuts(motion, _head(motion)))
    ends = np.flatnonzero(_away_from_cuts(motion, _tail(motion)))
    ends = ends[ends > starts[0]] if len(ends) else ends
    if not len(ends):
        return 0, len(motion) - 1
    known = np.asarray(np.isfinite(motion.points).all((1, 2)))
    apart = _distances(motion, starts, ends)
    apart[~known[starts]] = apart[:, ~known[ends]] = np.inf
    apart[starts[:, None] >= ends[None]] = np.inf
    if not np.isfinite(apart).any():
        return int(starts[0]), int(ends[-1])
    first, last = np.unravel_index(int(apart.argmin()), apart.shape)
    return int(starts[first]), int(ends[last])


def _distances(motion: Motion, starts: I64, ends: I64) -> NDArray[np.float64]:
    """How unlike the head is, in place and course, (len(starts), len(ends))."""
    ahead = motion.rate * AHEAD_S * np.gradient(motion.points, axis=0)
    state = np.concatenate([motion.points, motion.points + ahead], axis=1)
    state = state.reshape(len(state), -1).astype(np.float64)
    a, b = state[starts], state[ends]
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)))
