"""Reject clips whose sound and lips do not match, and find constant delays of the sound.

The lip opening predicted by the shipped model is correlated with the measured one, as in
adaptation (`lipsync.speech.av_sync.measure_sync`). A clip of 3 s alone is weak evidence. So the
lag common to a long file, or to all short files of a person, is estimated first; then each clip
must agree with it.

Accuracy on GRID: docs/benchmarks/prepare.md, by `training.evaluation.sync_filter_accuracy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync.speech import av_sync
from lipsync.speech.av_sync import LAG_LEAST_S, LAG_MOST_S, LEAST_R
from lipsync.types import F32, Bools, LipTrack
from training.corpus.segments import RATE

MIN_SPEECH_S = 0.5  # with less, the loudness level is that of the background
MAX_LAG_DEVIATION_S = 0.05  # of a clip's lag from the common lag
# With 10 s of speech, a person's lips and another person's sound correlate by at most 0.32. With
# half of the clips wrong, the correlation is 0.36 on average, and the lag is mostly still right.
COMMON_SPEECH_S, MIN_COMMON_R = 10.0, 0.35
OWN_LAG_S = 0.01  # lag of the model itself: 0 to 21 ms on synchronous footage


@dataclass(frozen=True, eq=False)
class SyncEvidence:
    """Measured and predicted lip opening of a clip; m steps at RATE."""

    path: Path
    measured: F32  # (m,) opening of the lips; NaN where no face was found
    predicted: F32  # (m,) opening predicted from the sound
    speaking: Bools  # (m,)

    @property
    def speech_s(self) -> float:
        """Seconds of speech with the face in view."""
        return float((self.speaking & np.isfinite(self.measured)).sum()) / RATE


@dataclass(frozen=True)
class SyncDecision:
    """Whether a clip is kept, and how its sound is to be shifted."""

    reason: str  # why it is dropped; empty: it is kept
    figures: str = ""
    lag_s: float = 0.0  # delay of its sound, to be removed


@dataclass(frozen=True)
class CommonLag:
    """Lag shared by the clips of a long file, or by a person's short ones."""

    lag_s: float  # including the model's own
    known: bool  # measured rather than assumed
    decision: SyncDecision | None = None  # rejects all of the clips


def check_clips(clips: Sequence[SyncEvidence], trust: bool = False) -> list[SyncDecision]:
    """Decide on each of one person's clips.

    Args:
        trust: keep every clip that contains speech.
    """
    if trust:
        return [_reject_silent(clip) or SyncDecision("") for clip in clips]
    speech_s: dict[Path, float] = {}
    for clip in clips:
        speech_s[clip.path] = speech_s.get(clip.path, 0.0) + clip.speech_s
    long = {path for path, seconds in speech_s.items() if seconds >= COMMON_SPEECH_S}
    group = [clip.path if clip.path in long else None for clip in clips]
    common = {
        which: estimate_common_lag([c for c, g in zip(clips, group, strict=True) if g == which])
        for which in set(group)
    }
    return [check_clip(clip, common[which]) for clip, which in zip(clips, group, strict=True)]


def measure_opening(lips: LipTrack, steps: int) -> F32:
    """Resample the opening of lips to RATE, (steps,); NaN where unknown."""
    frames, known = np.arange(len(lips)), np.isfinite(lips.opening)
    at = np.arange(steps) / RATE * float(lips.rate)
    opening = np.interp(at, frames[known], lips.opening[known])
    opening[np.interp(at, frames, known) < 1] = np.nan
    return opening.astype(np.float32)


def estimate_common_lag(clips: Sequence[SyncEvidence]) -> CommonLag:
    """Estimate the lag that these clips share."""
    speech_s = sum(clip.speech_s for clip in clips)
    if speech_s < COMMON_SPEECH_S:
        return CommonLag(OWN_LAG_S, known=False)
    fit = _fit(clips)
    figures = _describe_fit(fit, speech_s, "together with its like: ")
    if not fit.r >= MIN_COMMON_R:
        return CommonLag(0, True, SyncDecision("lips do not say what is heard", figures))
    if abs(fit.lag_s - OWN_LAG_S) > LAG_MOST_S:
        return CommonLag(0, True, SyncDecision("sound off its picture", figures))
    return CommonLag(fit.lag_s, known=True)


def check_clip(clip: SyncEvidence, common: CommonLag) -> SyncDecision:
    """Decide on a clip, given the common lag."""
    decision = _reject_silent(clip) or common.decision
    if decision:
        return decision
    fit = _fit([clip])
    figures = _describe_fit(fit, clip.speech_s) + f"; expected {common.lag_s * 1000:+.0f} ms"
    if not fit.r >= LEAST_R:
        return SyncDecision("lips do not say what is heard", figures)
    if abs(fit.lag_s - common.lag_s) > MAX_LAG_DEVIATION_S:
        return SyncDecision("sound off its picture", figures)
    late_s = common.lag_s - OWN_LAG_S
    correct = common.known and abs(late_s) >= LAG_LEAST_S
    return SyncDecision("", figures, late_s if correct else 0.0)


def _reject_silent(clip: SyncEvidence) -> SyncDecision | None:
    if clip.speech_s >= MIN_SPEECH_S:
        return None
    return SyncDecision("hardly any speech", f"{clip.speech_s:.2f} s with the face in view")


def _fit(clips: Sequence[SyncEvidence]) -> av_sync.SyncFit:
    measured, predicted, speaking = (
        np.concatenate([getattr(clip, name) for clip in clips])
        for name in ("measured", "predicted", "speaking")
    )
    return av_sync.measure_sync(measured, predicted, RATE, speaking)


def _describe_fit(fit: av_sync.SyncFit, speech_s: float, whose: str = "") -> str:
    return f"{whose}r {fit.r:.2f} at {fit.lag_s * 1000:+.0f} ms, {speech_s:.1f} s of speech"
