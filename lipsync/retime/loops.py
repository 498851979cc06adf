"""Frame orders for a target shorter than the speech: back and forth, looped, or held.

Symbols: m target frames, n output frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.retime.motion import Motion
from lipsync.types import I64, Bools

EDGE_S = 0.12  # distance of turns and joins from cuts and from the ends of the target
# Turns and joins are searched within this share of the target at its ends, and no farther from them
# than LONGEST_S: most of the footage stays in use, and the search for a loop stays small.
SHARE, LONGEST_S = 0.3, 30.0
CALM_S = 1.0  # at the end of the target, where a frame to hold is searched
# Two frames of a loop match by the distance between the head positions, now and extrapolated by
# this time: a jump in velocity is as visible as one in position.
AHEAD_S = 0.1


def play_straight(m: int, n: int) -> I64:
    """The target's own order, (n,); its last frame is held where it is too short.

    Args:
        m, n: target frames, output frames.
    """
    return np.minimum(np.arange(n, dtype=np.int64), m - 1)


def bounce(motion: Motion, n: int) -> I64:
    """Play back and forth, (n,), turning where the head is at rest.

    Starts with the first frame, and turns at the calmest frame near either end of the target, not
    within EDGE_S of a cut or of the end itself unless there is no other. The frame at a turn is
    shown once.
    """
    m = len(motion)
    if m == 1 or n <= m:
        return play_straight(m, n)
    first, last = _find_calmest(motion, _head(motion)), _find_calmest(motion, _tail(motion))
    if first >= last:
        first, last = 0, m - 1
    period = 2 * (last - first)
    at = np.arange(n, dtype=np.int64)
    phase = (at - last) % period
    later = np.where(phase <= last - first, last - phase, 2 * first - last + phase)
    return np.where(at <= last, at, later)


def loop(motion: Motion, n: int) -> I64:
    """Play from the start again and again, (n,), joined where head position and velocity fit best.

    The frame near the end of the target to jump from and the frame near its start to jump to are
    the pair with the smallest distance; frames before the latter are shown once.
    """
    m = len(motion)
    if m == 1 or n <= m:
        return play_straight(m, n)
    first, last = _find_joint(motion)
    at = np.arange(n, dtype=np.int64)
    later = first + (at - last) % (last - first)  # the frame `last` is shown as `first`
    return np.where(at < last, at, later)


def hold(motion: Motion, n: int) -> I64:
    """Play the target once, (n,), then hold the calmest frame of its last second."""
    m = len(motion)
    if n <= m:
        return play_straight(m, n)
    tail = np.zeros(m, bool)
    tail[-max(1, round(CALM_S * motion.rate)) :] = True
    return play_straight(_find_calmest(motion, tail & _last_shot(motion), edge=False) + 1, n)


def _last_shot(motion: Motion) -> Bools:
    return np.asarray(motion.shot == motion.shot[-1])


def _search_frames(motion: Motion) -> int:
    """Number of frames at an end of the target in which turns are searched, at least one."""
    return max(1, int(min(SHARE * len(motion), LONGEST_S * motion.rate)))


def _head(motion: Motion) -> Bools:
    return np.arange(len(motion)) < _search_frames(motion)


def _tail(motion: Motion) -> Bools:
    return np.arange(len(motion)) >= len(motion) - _search_frames(motion)


def _away_from_cuts(motion: Motion, wanted: Bools) -> Bools:
    """The wanted frames that are away from cuts; all of them if none is."""
    inner = wanted & ~motion.near_cut(max(1, round(EDGE_S * motion.rate)))
    return inner if inner.any() else wanted


def _find_calmest(motion: Motion, wanted: Bools, edge: bool = True) -> int:
    """The wanted frame in which the head moves least; `edge`: preferably away from cuts."""
    if edge:
        wanted = _away_from_cuts(motion, wanted)
    return int(np.where(wanted, motion.speed, np.inf).argmin())


def _find_joint(motion: Motion) -> tuple[int, int]:
    """(first, last): the frames near the start and near the end that match best."""
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
    """Distances of the head in position and extrapolated position, (len(starts), len(ends))."""
    ahead = motion.rate * AHEAD_S * np.gradient(motion.points, axis=0)
    state = np.concatenate([motion.points, motion.points + ahead], axis=1)
    state = state.reshape(len(state), -1).astype(np.float64)
    a, b = state[starts], state[ends]
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0)))
