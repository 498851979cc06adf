"""Do the sound and the lips of clips belong together, and by how much is the sound late?

The opening that the shipped model asks for is compared with the one that is seen, as adaptation
does it (`lipsync.speech.av_sync.fit`). A clip of 3 s alone tells it badly; so first the lag that a
long file, or all of a person's short ones, have in common is found, then every clip must agree
with it.

`training.evaluation.sync_filter` measures it on GRID; docs/benchmarks/prepare.md has the figures.
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

LEAST_SPEECH_S = 0.5  # less is as good as none: its level would be that of the room
STRAY_S = 0.05  # of a clip's lag from the common one
# The common lag. With 10 s of speech, a person's lips and the sound of others agree by at most
# 0.32; where half of the clips are wrong, by 0.36 on average, and the lag is right in most cases.
COMMON_SPEECH_S, COMMON_LEAST_R = 10.0, 0.35
OWN_LAG_S = 0.01  # the model's own: 0 to 21 ms on people in sync


@dataclass(frozen=True, eq=False)
class Evidence:
    """A clip as far as it is judged; m steps at RATE."""

    path: Path
    seen: F32  # (m,) opening of the lips; NaN where there is no face
    asked: F32  # (m,) opening that the sound asks for
    speaking: Bools  # (m,)

    @property
    def speech_s(self) -> float:
        """Speech with the face in view."""
        return float((self.speaking & np.isfinite(self.seen)).sum()) / RATE


@dataclass(frozen=True)
class Verdict:
    """What becomes of a clip."""

    reason: str  # it is dropped for; empty: it is kept
    figures: str = ""
    lag_s: float = 0.0  # by which its sound is late, to be corrected


@dataclass(frozen=True)
class Common:
    """What the clips of a long file, or a person's short ones, have in common."""

    lag_s: float  # with the model's own
    known: bool  # measured, not assumed
    verdict: Verdict | None = None  # on all of them


def judge(clips: Sequence[Evidence], trust: bool = False) -> list[Verdict]:
    """A verdict on every one of a person's clips; `trust`: only there must be speech."""
    if trust:
        return [_unheard(clip) or Verdict("") for clip in clips]
    speech_s: dict[Path, float] = {}
    for clip in clips:
        speech_s[clip.path] = speech_s.get(clip.path, 0.0) + clip.speech_s
    long = {path for path, seconds in speech_s.items() if seconds >= COMMON_SPEECH_S}
    group = [clip.path if clip.path in long else None for clip in clips]
    common = {
        which: common_of([c for c, g in zip(clips, group, strict=True) if g == which])
        for which in set(group)
    }
    return [verdict_on(clip, common[which]) for clip, which in zip(clips, group, strict=True)]


def seen(lips: LipTrack, steps: int) -> F32:
    """The opening of lips at RATE, (steps,); NaN where they are not known."""
    frames, known = np.arange(len(lips)), np.isfinite(lips.opening)
    at = np.arange(steps) / RATE * float(lips.rate)
    opening = np.interp(at, frames[known], lips.opening[known])
    opening[np.interp(at, frames, known) < 1] = np.nan
    return opening.astype(np.float32)


def common_of(clips: Sequence[Evidence]) -> Common:
    """What these clips have in common."""
    speech_s = sum(clip.speech_s for clip in clips)
    if speech_s < COMMON_SPEECH_S:
        return Common(OWN_LAG_S, known=False)
    fit = _fit(clips)
    figures = _told(fit, speech_s, "together with its like: ")
    if not fit.r >= COMMON_LEAST_R:
        return Common(0, True, Verdict("lips do not say what is heard", figures))
    if abs(fit.lag_s - OWN_LAG_S) > LAG_MOST_S:
        return Common(0, True, Verdict("sound off its picture", figures))
    return Common(fit.lag_s, known=True)


def verdict_on(clip: Evidence, common: Common) -> Verdict:
    """A verdict on a clip of which this is known."""
    verdict = _unheard(clip) or common.verdict
    if verdict:
        return verdict
    fit = _fit([clip])
    figures = _told(fit, clip.speech_s) + f"; expected {common.lag_s * 1000:+.0f} ms"
    if not fit.r >= LEAST_R:
        return Verdict("lips do not say what is heard", figures)
    if abs(fit.lag_s - common.lag_s) > STRAY_S:
        return Verdict("sound off its picture", figures)
    late_s = common.lag_s - OWN_LAG_S
    correct = common.known and abs(late_s) >= LAG_LEAST_S
    return Verdict("", figures, late_s if correct else 0.0)


def _unheard(clip: Evidence) -> Verdict | None:
    if clip.speech_s >= LEAST_SPEECH_S:
        return None
    return Verdict("hardly any speech", f"{clip.speech_s:.2f} s with the face in view")


def _fit(clips: Sequence[Evidence]) -> av_sync.Fit:
    seen, asked, speaking = (
        np.concatenate([getattr(clip, name) for clip in clips])
        for name in ("seen", "asked", "speaking")
    )
    return av_sync.fit(seen, asked, RATE, speaking)


def _told(fit: av_sync.Fit, speech_s: float, whose: str = "") -> str:
    return f"{whose}r {fit.r:.2f} at {fit.lag_s * 1000:+.0f} ms, {speech_s:.1f} s of speech"
