"""Lips of a person some of whose own speech is known: the last tables of running.md.

What is known of a person is measured on the first seconds of their clip; the rest is predicted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lipsync.learning.fine_tuning import TrainingData, TuneOptions, fine_tune, split_blocks
from lipsync.speech import features
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import LipTrack, Waveform
from training.corpus.dataset import Clip
from training.evaluation.lip_metric_tables import LipEvaluation
from training.evaluation.running_metrics import MouthGaps, Pair, RunningMetrics
from training.metrics import network_predictor

KNOWN_S = 15.0  # of the person's own speech
LITTLE_S = 3.0
APART_S = 0.5  # between what is known and what is measured
LEAST_S = 5.0  # measured, at least

PLAIN = "shipped; the mouth measured on the whole clip"
LITTLE = f"shipped; the mouth measured on the first {LITTLE_S:g} s"
SOME = f"shipped; the mouth measured on the first {KNOWN_S:g} s"
ADAPTED = f"**adapted** to the first {KNOWN_S:g} s"


@dataclass(frozen=True, eq=False)
class _Parts:
    """A clip cut in two: what is known, and what is measured."""

    known: Clip
    rest: Clip


def measure_adapted(one: LipEvaluation) -> dict[str, RunningMetrics]:
    """The rows of one person; none, if the clip is too short."""
    (clip,) = one.clips
    if float(len(clip.lips) / clip.lips.rate) < KNOWN_S + APART_S + LEAST_S:
        return {}
    parts = _Parts(cut(clip, 0, KNOWN_S), cut(clip, KNOWN_S + APART_S))
    shipped = LipLSTM.load(LipOptions())
    whole = one.speaker.profile
    little = LipProfile.of(cut(clip, 0, LITTLE_S).lips)
    some = LipProfile.of(parts.known.lips)
    adapted = adapt(parts.known, some)
    shut = float(LipTrack(one.shut[None], clip.lips.rate).opening[0])
    gaps = MouthGaps(one.levels, shut, whole.opening_range)
    return {
        name: RunningMetrics.of([Pair(parts.rest.lips, _predict(model, profile, parts, one), gaps)])
        for name, model, profile in (
            (PLAIN, shipped, whole),
            (LITTLE, shipped, little),
            (SOME, shipped, some),
            (ADAPTED, adapted, some),
        )
    }


def _predict(model: LipLSTM, profile: LipProfile, parts: _Parts, one: LipEvaluation) -> LipTrack:
    speaker = replace(one.speaker, profile=profile)
    return network_predictor(model)(speaker, [parts.rest])[0]


def adapt(clip: Clip, profile: LipProfile) -> LipLSTM:
    """The shipped model fine-tuned on a clip, as `lipsync adapt` does it."""
    model = LipLSTM.load(LipOptions())
    known = np.asarray(np.isfinite(clip.lips.points).all((1, 2)))
    heard = features.extract(clip.wave, model.spec)
    learn, held_out = split_blocks(known, float(clip.lips.rate))
    fine_tune(model, TrainingData(heard, clip.lips, profile, learn, held_out), TuneOptions())
    return model


def cut(clip: Clip, first_s: float, end_s: float = float("inf")) -> Clip:
    """The part of a clip between two times, to whole frames."""
    rate, sound_rate = float(clip.lips.rate), clip.wave.rate
    first = round(first_s * rate)
    end = min(len(clip.lips), round(min(end_s, len(clip.lips) / rate) * rate))
    heard = clip.wave.samples[round(first / rate * sound_rate) : round(end / rate * sound_rate)]
    lips = LipTrack(clip.lips.points[first:end], clip.lips.rate)
    return replace(clip, wave=Waveform(heard, sound_rate), lips=lips)
