"""The figures of docs/benchmarks/lips.md, from true and predicted lips alone (no network here).

Symbols: n frames, k closures. Unit of lengths: the outer-eye distance.

A mouth is **closed** where its inner-lip gap is at most CLOSED of the person's opening range (95th
minus 5th percentile of the true gap) above the gap of their shut mouth (the tenth of their frames
that opens least); the predicted mouth is judged by the same gap. Of the 213 p, b, m of s4, s26,
s31 and s1's validation clips, 212 close by this rule; 95 % of s1's keep to a third of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.speech.av_sync import best_lag, correlation
from lipsync.speech.lip_profile import LipProfile, closed_mouth
from lipsync.types import F32, Bools, LipTrack
from training.corpus.forced_alignment import Phone

MAX_LAG_S = 0.3

CLOSED, OPEN = 0.15, 0.5  # of the opening range
TOLERANCE_S = 0.06  # between a frame where the true gap is closed and one where the predicted is
# Lips close before a p, b or m is heard to end, and part with it: true gaps are least 60–80 ms
# before the end (medians). What lies further back than LONGEST_S is the pause before the word.
BILABIALS = frozenset({"P", "B", "M"})
LONGEST_S = 0.12
BEFORE_S, AFTER_S = 0.05, 0.03  # the alignment is no more exact than that

STILL = 0.02  # displacement per frame, below which lips count as still


@dataclass(frozen=True)
class LipFigures:
    """How well predicted lips follow the true ones; NaN where it is not defined."""

    r_open: float  # correlation of the inner-lip gap
    r_width: float  # correlation of the mouth width
    rmse: float  # over 18 × 2 coordinates
    articulation: float  # std of the predicted gap / std of the true one
    lag_ms: float  # positive: the predicted lips come late


def figures(true: list[LipTrack], predicted: list[LipTrack]) -> LipFigures:
    """Figures over all frames of all clips in which the true lips are known.

    Raises:
        ValueError: the clips do not correspond.
    """
    pairs = [_known(t, p) for t, p in zip(true, predicted, strict=True)]
    t = LipTrack(np.concatenate([pair[0] for pair in pairs]), true[0].rate)
    p = LipTrack(np.concatenate([pair[1] for pair in pairs]), true[0].rate)
    return LipFigures(
        r_open=correlation(t.opening, p.opening),
        r_width=correlation(t.width, p.width),
        rmse=float(np.sqrt(np.mean((t.points - p.points).astype(np.float64) ** 2))),
        articulation=float(p.opening.std() / t.opening.std()),
        lag_ms=lag_ms(true, predicted),
    )


def mean_clip_r_open(true: list[LipTrack], predicted: list[LipTrack]) -> float:
    """Mean over the clips of each clip's own correlation of the inner-lip gap."""
    pairs = [_known(t, p) for t, p in zip(true, predicted, strict=True)]
    rate = true[0].rate
    return float(
        np.mean(
            [correlation(LipTrack(t, rate).opening, LipTrack(p, rate).opening) for t, p in pairs]
        )
    )


def lag_ms(true: list[LipTrack], predicted: list[LipTrack]) -> float:
    """The delay of the predicted gap at which it correlates best with the true one."""
    openings = [t.opening for t in true], [p.opening for p in predicted]
    return best_lag(*openings, float(true[0].rate), MAX_LAG_S)[0] * 1000


def _known(true: LipTrack, predicted: LipTrack) -> tuple[F32, F32]:
    if len(true) != len(predicted) or true.rate != predicted.rate:
        raise ValueError(f"figures: wanted {len(true)} predicted frames, got {len(predicted)}")
    known = np.isfinite(true.points).all((1, 2))
    return true.points[known], predicted.points[known]


# --- closures --------------------------------------------------------------------------------


@dataclass(frozen=True)
class GapLevels:
    """Inner-lip gaps up to which a person's mouth is closed, and from which it is well open."""

    closed: float
    open: float

    @staticmethod
    def of(lips: LipTrack) -> GapLevels:
        """Measure all true lips of a person.

        Raises:
            NoFaceError: the track has no known frame.
        """
        shut = float(LipTrack(closed_mouth(lips)[None], lips.rate).opening[0])
        span = LipProfile.of(lips).opening_range
        return GapLevels(shut + CLOSED * span, shut + OPEN * span)


@dataclass(frozen=True)
class Closures:
    """How the predicted lips close for p, b, m; NaN where nothing was judged."""

    recall: float  # of those whose true gap closes, the share where the predicted one does
    false: float  # of the frames with the true mouth well open, the share predicted closed
    spoken: int  # p, b, m
    judged: int  # of those, whose true gap closes


def closure_windows(phones: Iterable[Phone]) -> NDArray[np.float64]:
    """(k, 2) seconds: between which times the lips close for each p, b, m."""
    windows = [
        (max(phone.begin, phone.end - LONGEST_S) - BEFORE_S, phone.end + AFTER_S)
        for phone in phones
        if phone.name in BILABIALS
    ]
    return np.array(windows, np.float64).reshape(-1, 2)


def closures(
    true: list[LipTrack],
    predicted: list[LipTrack],
    windows: list[NDArray[np.float64]],
    levels: GapLevels,
) -> Closures:
    """Judge every p, b, m in whose window the true mouth is closed.

    It is hit if the predicted mouth is closed in a frame within TOLERANCE_S of one in which the
    true mouth is closed, in the window. Frames well open are those above `levels.open` with no
    closed one within TOLERANCE_S.

    Args:
        windows: (k, 2) of every clip, from `closure_windows`.
    """
    spoken = judged = hits = wide = false = 0
    for t, p, spans in zip(true, predicted, windows, strict=True):
        seconds = np.arange(len(t)) / float(t.rate)
        reach = int(TOLERANCE_S * t.rate)
        shut, guess = t.opening <= levels.closed, p.opening <= levels.closed  # NaN: False
        spread, open_wide = _spread(guess, reach), (t.opening > levels.open) & ~_spread(shut, reach)
        wide, false = wide + int(open_wide.sum()), false + int((open_wide & guess).sum())
        for begin, end in spans:
            inside = (seconds >= begin) & (seconds <= end) & shut
            spoken, judged = spoken + 1, judged + bool(inside.any())
            hits += bool((inside & spread).any())
    return Closures(_share(hits, judged), _share(false, wide), spoken, judged)


def _spread(flags: Bools, reach: int) -> Bools:
    """True up to `reach` frames around every true flag."""
    around = np.convolve(flags, np.ones(2 * reach + 1))  # `reach` longer on either side
    return np.asarray(around[reach : reach + len(flags)] > 0.5)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


# --- silence ---------------------------------------------------------------------------------


def movement(lips: LipTrack) -> F32:
    """Largest displacement of any of the 18 points since the frame before, (n,); NaN: unknown."""
    steps = np.linalg.norm(np.diff(lips.points, axis=0), axis=-1).max(1)
    return np.concatenate([np.full(min(len(lips), 1), np.nan, np.float32), steps])


def still(lips: list[LipTrack], where: list[Bools]) -> tuple[float, int]:
    """Of the frames (n,) asked for whose movement is known: share below STILL, and their number."""
    moved = [movement(track)[asked] for track, asked in zip(lips, where, strict=True)]
    known = np.concatenate(moved)
    known = known[np.isfinite(known)]
    return _share(int((known < STILL).sum()), len(known)), len(known)
