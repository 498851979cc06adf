from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faces import FPS, mouth

from lipsync import audio, voice
from lipsync.errors import OptionsError
from lipsync.options import RenderOptions
from lipsync.types import LipTrack, Waveform
from lipsync.voice import SilenceOptions, Speech

SAMPLE = Path(__file__).resolve().parents[1] / "assets" / "sample"
SPEECH = Speech(np.array([[1.0, 2.0], [2.3, 3.0], [5.0, 6.0]]))
TIMES = np.arange(200) / 25
MOVING = LipTrack(np.stack([mouth(0.1 + 0.1 * np.sin(i)) for i in range(200)]), FPS)


def test_pauses_put_into_real_speech_are_found() -> None:
    wave = audio.load(SAMPLE / "speech.wav")
    gap = np.zeros(24000, np.float32)
    joined = Waveform(np.concatenate([gap, wave.samples, gap, wave.samples]), 16000)
    heard = voice.listen(joined)
    length = float(wave.duration)
    for quiet in (0.7, 1.5 + length + 0.75):
        assert not heard.at(np.array([quiet]))[0]
    spoken = heard.at(1.5 + np.linspace(0.5, length - 0.5, 200))
    assert spoken.mean() > 0.8


def test_noise_is_no_speech_and_the_answer_does_not_depend_on_what_came_before() -> None:
    rng = np.random.default_rng(0)
    noise = Waveform(rng.normal(0, 0.02, 48000).astype(np.float32), 16000)
    assert len(voice.listen(noise).spans) == 0
    wave = audio.load(SAMPLE / "speech.wav")
    once = voice.probabilities(wave.samples)
    voice.probabilities(noise.samples)
    assert np.array_equal(voice.probabilities(wave.samples), once)
    with pytest.raises(ValueError, match="16000"):
        voice.listen(Waveform(noise.samples, 8000))


def test_spans_answer_for_any_time() -> None:
    asked = np.array([0.0, 1.0, 1.99, 2.0, 2.5, 4.0, 5.5, 9.0])
    assert SPEECH.at(asked).tolist() == [False, True, True, False, True, False, True, False]
    assert not Speech(np.zeros((0, 2))).at(asked).any()


def test_lips_are_shown_before_they_are_heard_and_come_to_rest_after() -> None:
    shown = voice.presence(SPEECH, TIMES, SilenceOptions())
    at = dict(zip(TIMES.round(2).tolist(), shown.tolist(), strict=True))
    assert at[0.96] == at[2.16] == at[5.0] == 1  # the short pause at 2–2.3 s is spoken over
    assert at[0.6] == at[4.4] == at[7.0] == 0
    assert 0 < at[0.76] < 1
    assert np.abs(np.diff(shown)).max() < 0.35  # nothing snaps


def test_in_silence_the_mouth_is_shut_and_still() -> None:
    shown = voice.presence(SPEECH, TIMES, SilenceOptions())
    own = np.stack([mouth(0.2)] * 200)
    lips, visible = voice.settle(MOVING, shown, mouth(0.0), own, SilenceOptions())
    silent = shown == 0
    assert silent.sum() > 60
    assert np.abs(lips.points[silent] - mouth(0.0)).max() == 0
    assert np.array_equal(lips.points[shown == 1], MOVING.points[shown == 1])
    assert (visible == 1).all()


def test_in_silence_the_targets_own_frames_can_return() -> None:
    options = SilenceOptions(silence="original")
    shown = voice.presence(SPEECH, TIMES, options)
    own = np.stack([mouth(0.2)] * 200)
    lips, visible = voice.settle(MOVING, shown, mouth(0.0), own, options)
    assert np.isnan(lips.points[shown == 0]).all()
    assert (visible[shown == 0] == 0).all()
    # What is half visible has its lips nearly where the frame's own are.
    fading = (visible > 0) & (visible < 1)
    assert fading.any()
    assert np.abs(lips.points[fading] - own[fading]).max() < 0.05


def test_sound_without_recognised_speech_is_shown_whole() -> None:
    shown = voice.presence(Speech(np.zeros((0, 2))), TIMES, SilenceOptions())
    assert (shown == 1).all()


def test_an_unknown_way_of_silence() -> None:
    with pytest.raises(OptionsError, match="silence"):
        RenderOptions.of(silence="loud")
