"""Whether the mouth moves while nothing is said.

Pauses are those of voice activity, and digital silence, where the sound is exactly nothing: no
recording has it, so it says that sound was taken away or put there. How far the mouth is open in
pauses tells nothing: many people rest with it open (measured on the corpus of docs/benchmarks/
inspect.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter1d

from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import Measure, TrackMeasures
from lipsync.inspection.once import once
from lipsync.inspection.trajectories import RATE, sample_middles, trace
from lipsync.speech.vad import SpeechSegments
from lipsync.types import F32, Bools

# A mouth opens before a word is heard and comes to rest after it: that much of a pause is speech.
LEAD_S, TAIL_S = 0.24, 0.2
LEAST_PAUSE_S = 0.2  # of a span, after that
LEAST_SPEECH_S = 0.5  # of the video, for the motion that the motion in pauses is compared with
NOISE = 0.12  # outer-eye distances per second that landmarks of a still mouth seem to move
QUIET = 1e-4  # peak below which a standard-level sound is digital silence (−80 dB)

MEASURES = (
    Measure(
        "silence.motion",
        "motion of the lips in pauses and in digital silence, against that in speech",
        "high",
        None,
    ),
)


@dataclass(frozen=True, eq=False)
class _Pauses:
    """Lips of a video and its pauses, m samples."""

    speed: F32  # (m,), mean of the lips' points, outer-eye distances per second; NaN: unknown
    pause: Bools
    speaking: float  # mean speed in speech; NaN: there is too little


@once
def _pauses(evidence: Evidence) -> _Pauses | None:
    if evidence.heard is None:
        return None
    traced = trace(evidence)
    m = len(traced.lips)
    step = np.linalg.norm(np.diff(traced.lips, axis=0), axis=-1).mean(1) * RATE
    speed = np.append(step, np.nan).astype(np.float32)
    unknown = ~traced.known | ~np.append(traced.known[1:], False)
    speed[unknown | np.append(np.diff(traced.shot) != 0, True)] = np.nan
    times = sample_middles(m)
    spoken = evidence.speech.segments.at(times)
    spans = evidence.speech.segments.fill_pauses(LEAD_S + TAIL_S).spans
    busy = SpeechSegments(spans + np.array([-LEAD_S, TAIL_S]))
    inside = times < float(evidence.speech.wave.duration)
    known = spoken & np.isfinite(speed)
    mean = float(speed[known].mean()) if known.sum() >= LEAST_SPEECH_S * RATE else float("nan")
    pause = (~busy.at(times) & inside) | _digital_silence(evidence, m)
    return _Pauses(speed, pause, mean)


def _digital_silence(evidence: Evidence, m: int) -> Bools:
    """(m,), whether the sound is exactly silent, and is so for the time before as well."""
    wave = evidence.speech.wave
    hop = round(wave.rate / RATE)
    samples = wave.samples[: m * hop]
    peaks = np.ones(m, np.float32)  # beyond the sound's end nothing is known to be silent
    whole = len(samples) // hop
    if whole:
        blocks = samples[: whole * hop].reshape(whole, hop)
        # Removing the offset of a sound moves its silence from 0.
        peaks[:whole] = np.ptp(blocks, axis=1)
    quiet = (peaks < QUIET).astype(np.uint8)
    around = round(LEAD_S * RATE)
    return np.asarray(minimum_filter1d(quiet, 2 * around + 1, mode="nearest") > 0)


def measure_span(evidence: Evidence, first: int, end: int) -> dict[str, float]:
    """Motion in the pauses of a span of frames."""
    pauses = _pauses(evidence)
    if pauses is None or not np.isfinite(pauses.speaking):
        return {}
    here = trace(evidence).span(evidence, first, end)
    speed = pauses.speed[here]
    usable = pauses.pause[here] & np.isfinite(speed)
    if usable.sum() < LEAST_PAUSE_S * RATE:
        return {}
    moved = float(np.sqrt(np.mean(np.square(speed[usable]))))
    return {"silence.motion": float(np.log((moved + NOISE) / (pauses.speaking + NOISE)))}


def silence_measures() -> TrackMeasures:
    """Motion in pauses and in digital silence."""
    return TrackMeasures(MEASURES, measure_span)


def explain(evidence: Evidence) -> dict[str, str]:
    """Why the question of silence, or a part of it, cannot be answered; empty if it can."""
    if not evidence.speech.audible:
        return {"silence": "the video has no sound"}
    pauses = _pauses(evidence)
    if pauses is None:
        return {"silence": "no speech is heard, so nothing tells pauses from speech"}
    if pauses.pause.sum() < LEAST_PAUSE_S * RATE:
        return {"silence": "the speech has no pause that is long enough"}
    if not np.isfinite(pauses.speaking):
        return {"silence": f"the lips are in view for less than {LEAST_SPEECH_S} s of speech"}
    return {}
