"""Lips that the speech model predicts for clips: what a render would draw."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lipsync.inspection.sync_network import STATES_PER_SAMPLE
from lipsync.inspection.trajectories import RATE
from lipsync.runtime.positions import runs_of_true
from lipsync.speech import lip_model
from lipsync.speech.articulation import articulate
from lipsync.speech.features import STEPS_PER_SECOND
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.vad import SpeechSegments
from lipsync.types import AudioFeatures, LipTrack
from training.inspection.made_motion import Source
from training.inspection.voiced_clips import VoicedClip


def predict_sources(clips: list[VoicedClip]) -> list[Source]:
    """The clips, each with the lips that are predicted for its sound in its own voice."""
    model = LipLSTM.load(lip_model.weights_path(LipOptions()))
    return [predict_source(model, clip) for clip in clips]


def predict_source(model: LipLSTM, clip: VoicedClip) -> Source:
    """One clip with predicted lips, in the person's range and tempo as in a render."""
    rate = Fraction(int(RATE))
    profile = LipProfile.of(LipTrack(clip.moves.lips, rate))
    steps = round(STEPS_PER_SECOND / (STATES_PER_SAMPLE * RATE))
    values = np.repeat(clip.voices[0].astype(np.float32), steps, axis=0)
    heard = AudioFeatures(values, STEPS_PER_SECOND, 0.0)
    lips = lip_model.predict(model, heard, profile, rate, len(clip.moves.lips))
    spans = np.array(list(runs_of_true(clip.spoken)), np.float64).reshape(-1, 2) / RATE
    clear = articulate(lips, SpeechSegments(spans), profile)
    return Source(clip.name, clip.person, clip.moves, clear.points)
