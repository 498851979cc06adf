"""Metrics of predicted lips against measured ones (docs/benchmarks/lips.md).

Symbols: n frames, k closures. Unit of length: the outer-eye distance.

A mouth is **closed** where its inner-lip gap exceeds that of the person's shut mouth (the 10 % of
frames with the smallest gap) by at most CLOSED of the opening range (95th minus 5th percentile of
the measured gap); the predicted mouth is tested against the same gap. Of the 213 p, b, m of GRID
speakers 4, 26, 31 and speaker 1's validation clips, 212 close by this rule; 95 % of speaker 1's
stay within a third of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lipsync.speech import features, vad
from lipsync.speech.articulation import ArticulationOptions, predict_speech
from lipsync.speech.av_sync import best_lag, correlation
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.lip_profile import LipProfile, closed_mouth
from lipsync.types import F32, Bools, LipTrack
from training.corpus.dataset import Clip, Speaker
from training.corpus.forced_alignment import Phone

MAX_LAG_S = 0.3

CLOSED, OPEN = 0.15, 0.5  # of the opening range
TOLERANCE_S = 0.06  # between a closed frame of the measured and one of the predicted lips
# Lips close before the end of a p, b or m and part with it: the measured gap is smallest 60–80 ms
# before the end (medians). Anything further back than LONGEST_S is the pause before the word.
BILABIALS = frozenset({"P", "B", "M"})
LONGEST_S = 0.12
BEFORE_S, AFTER_S = 0.05, 0.03  # precision of the alignment

STILL = 0.02  # displacement per frame below which lips count as still

# (speaker, clips) → the lips of each clip, predicted from its sound alone.
Predictor = Callable[[Speaker, list[Clip]], list[LipTrack]]


def network_predictor(model: LipLSTM, options: ArticulationOptions | None = None) -> Predictor:
    """Predict lips with a network, the way `lipsync render` does from the driving audio."""

    def predict_clip(speaker: Speaker, clip: Clip) -> LipTrack:
        heard = features.extract(clip.wave, model.spec)
        speech, length = vad.detect_speech(clip.wave), (clip.lips.rate, len(clip.lips))
        return predict_speech(model, heard, speech, speaker.profile, length, options)

    def predict(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        return [predict_clip(speaker, clip) for clip in clips]

    return predict


@dataclass(frozen=True)
class LipMetrics:
    """How well predicted lips match the measured ones; NaN where undefined."""

    r_open: float  # correlation of the inner-lip gap
    r_width: float  # correlation of the mouth width
    rmse: float  # over 18 × 2 coordinates
    articulation: float  # std of the predicted gap / std of the true one
    lag_ms: float  # positive: the predicted lips come late


def lip_metrics(true: list[LipTrack], predicted: list[LipTrack]) -> LipMetrics:
    """Compute metrics over all frames of all clips whose measured lips are known.

    Raises:
        ValueError: the clips differ in length or frame rate.
    """
    pairs = [_known(t, p) for t, p in zip(true, predicted, strict=True)]
    t = LipTrack(np.concatenate([pair[0] for pair in pairs]), true[0].rate)
    p = LipTrack(np.concatenate([pair[1] for pair in pairs]), true[0].rate)
    return LipMetrics(
        r_open=correlation(t.opening, p.opening),
        r_width=correlation(t.width, p.width),
        rmse=float(np.sqrt(np.mean((t.points - p.points).astype(np.float64) ** 2))),
        articulation=float(p.opening.std() / t.opening.std()),
        lag_ms=lag_ms(true, predicted),
    )


def mean_clip_r_open(true: list[LipTrack], predicted: list[LipTrack]) -> float:
    """Average over clips of the correlation of the inner-lip gap within each clip."""
    pairs = [_known(t, p) for t, p in zip(true, predicted, strict=True)]
    rate = true[0].rate
    return float(
        np.mean(
            [correlation(LipTrack(t, rate).opening, LipTrack(p, rate).opening) for t, p in pairs]
        )
    )


def lag_ms(true: list[LipTrack], predicted: list[LipTrack]) -> float:
    """Find the delay of the predicted gap (ms) that maximizes its correlation with the true gap."""
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
    """Inner-lip gaps at or below which a mouth is closed, and above which it is wide open."""

    closed: float
    open: float

    @staticmethod
    def of(lips: LipTrack) -> GapLevels:
        """Measure the levels on all measured lips of a person.

        Raises:
            NoFaceError: the track has no known frame.
        """
        shut = float(LipTrack(closed_mouth(lips)[None], lips.rate).opening[0])
        span = LipProfile.of(lips).opening_range
        return GapLevels(shut + CLOSED * span, shut + OPEN * span)


@dataclass(frozen=True)
class Closures:
    """How well predicted lips close for p, b, m; NaN where nothing could be tested."""

    recall: float  # share of tested closures where the predicted mouth closes too
    false: float  # share of wide-open frames that are predicted closed
    spoken: int  # number of p, b, m
    tested: int  # of those, the number tested: the measured mouth closes


def closure_windows(phones: Iterable[Phone]) -> NDArray[np.float64]:
    """Time windows in which the lips close for p, b, m: (k, 2) seconds."""
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
    """Test every p, b, m in whose window the measured mouth is closed.

    It counts as a hit if the predicted mouth is closed within TOLERANCE_S of a frame of the window
    in which the measured mouth is closed. Wide-open frames are those above `levels.open` with no
    closed frame within TOLERANCE_S.

    Args:
        windows: (k, 2) per clip, from `closure_windows`.
    """
    spoken = tested = hits = wide = false = 0
    for t, p, spans in zip(true, predicted, windows, strict=True):
        seconds = np.arange(len(t)) / float(t.rate)
        reach = int(TOLERANCE_S * t.rate)
        shut, guess = t.opening <= levels.closed, p.opening <= levels.closed  # NaN: False
        spread, open_wide = _dilate(guess, reach), (t.opening > levels.open) & ~_dilate(shut, reach)
        wide, false = wide + int(open_wide.sum()), false + int((open_wide & guess).sum())
        for begin, end in spans:
            inside = (seconds >= begin) & (seconds <= end) & shut
            spoken, tested = spoken + 1, tested + bool(inside.any())
            hits += bool((inside & spread).any())
    return Closures(_ratio(hits, tested), _ratio(false, wide), spoken, tested)


def _dilate(flags: Bools, reach: int) -> Bools:
    """Set all flags within `reach` frames of a set flag."""
    around = np.convolve(flags, np.ones(2 * reach + 1))  # `reach` longer on either side
    return np.asarray(around[reach : reach + len(flags)] > 0.5)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


# --- silence ---------------------------------------------------------------------------------


def max_displacement(lips: LipTrack) -> F32:
    """Largest displacement of any of the 18 points since the previous frame, (n,); NaN: unknown."""
    steps = np.linalg.norm(np.diff(lips.points, axis=0), axis=-1).max(1)
    return np.concatenate([np.full(min(len(lips), 1), np.nan, np.float32), steps])


def still_share(lips: list[LipTrack], where: list[Bools]) -> tuple[float, int]:
    """Share of the selected frames that move less than STILL, and the number of known frames."""
    moved = [max_displacement(track)[asked] for track, asked in zip(lips, where, strict=True)]
    known = np.concatenate(moved)
    known = known[np.isfinite(known)]
    return _ratio(int((known < STILL).sum()), len(known)), len(known)
