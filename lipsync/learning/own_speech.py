"""A person's own speech and lips in a video, as synchronized data for fine-tuning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lipsync.errors import AdaptError
from lipsync.learning.fine_tuning import TrainingData, TuneOptions, split_blocks
from lipsync.speech import av_sync, lip_model, vad
from lipsync.speech.av_sync import LAG_LEAST_S, LAG_MOST_S, LEAST_R
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import LipTrack

# A stretch of 2 s that fits this badly is not spoken by this mouth: none of 68 matching stretches
# is (the worst has 0.37), of another voice a third to three quarters are.
MISFIT_R, MISFITS_MOST = 0.2, 0.1
# Training also uses what surrounds speech: how the mouth rests between sentences, opens, closes.
AROUND_S = 1.0
MOST_S = 150.0  # of speech to learn from: more does not make the same steps better


def collect_training_data(
    model: LipLSTM, speech: VideoSpeech, lips: LipTrack, options: TuneOptions
) -> TrainingData:
    """Align the target's own speech with its lips and split it for training.

    Args:
        lips: of the speaker at a regular rate, canonical; frames without a face are NaN.

    Raises:
        AdaptError: there is too little speech, it is another person's, or too far off.
        AudioError: there is no sound worth the name.
    """
    check_sound(speech)
    segments = speech.segments
    n, rate = len(lips), float(lips.rate)
    times = np.arange(n) / rate
    known = np.isfinite(lips.points).all((1, 2))
    speaking = segments.at(times)
    speech_s = float((speaking & known).sum()) / rate
    if speech_s < options.adapt_speech:
        raise AdaptError(
            f"{speech_s:.1f} s of speech with the face in view; "
            f"{options.adapt_speech:g} s are needed to adapt"
        )
    heard = speech.features(model.spec)
    profile = LipProfile.of(lips)
    predicted = lip_model.predict(model, heard, profile, lips.rate, n)
    lag_s = correctable_lag(av_sync.measure_sync(lips.opening, predicted.opening, rate, speaking))
    around = vad.SpeechSegments(segments.spans + np.array([-AROUND_S, AROUND_S]))
    usable = around.at(times + lag_s) & known
    usable &= np.cumsum(usable) <= MOST_S * rate
    end = int(np.flatnonzero(usable)[-1]) + 1
    learn, held = split_blocks(usable[:end], rate)
    steps = int((end / rate + lag_s) * heard.rate) + 100
    heard = replace(heard, values=heard.values[:steps], start=heard.start - lag_s)
    seen = LipTrack(lips.points[:end], lips.rate)
    return TrainingData(heard, seen, profile, learn, held, speech_s, lag_s)


def correctable_lag(fit: av_sync.SyncFit) -> float:
    """How late the sound is, seconds; 0 if the lag is too small to be worth correcting.

    Raises:
        AdaptError: sound and lips do not belong together, or are too far apart.
    """
    if not fit.r >= LEAST_R:
        raise AdaptError(
            f"the lips do not say what is heard (correlation {fit.r:.2f}, "
            f"{LEAST_R} is needed): another voice, music, or sound far off its picture"
        )
    if abs(fit.lag_s) > LAG_MOST_S:
        raise AdaptError(
            f"its sound is {abs(fit.lag_s) * 1000:.0f} ms "
            f"{'late' if fit.lag_s > 0 else 'early'}; up to 200 ms is corrected"
        )
    misfits = int((fit.segments < MISFIT_R).sum())
    if misfits > MISFITS_MOST * len(fit.segments):
        raise AdaptError(
            f"in {misfits} of {len(fit.segments)} stretches of speech the lips do "
            "not say what is heard: more than one voice"
        )
    return fit.lag_s if abs(fit.lag_s) >= LAG_LEAST_S else 0.0


def check_sound(speech: VideoSpeech) -> None:
    """Raise AdaptError unless the video has sound and moving pictures."""
    if not speech.audible:
        raise AdaptError("the target has no sound of its own")
