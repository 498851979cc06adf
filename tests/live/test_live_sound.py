"""Sound in pieces: any rate, any cut, at the level of a whole one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.errors import AudioError
from lipsync.live.live_sound import LiveSound, split_sound
from lipsync.speech.audio import standardize
from lipsync.types import SPEECH_RATE, Waveform

SPEECH = Path(lipsync.__file__).parents[1] / "assets" / "sample" / "speech.wav"


def heard(samples: np.ndarray, rate: int, size: int) -> LiveSound:
    sound = LiveSound(rate)
    for piece in split_sound(samples, size):
        sound.push(piece)
    sound.finish()
    return sound


@pytest.mark.parametrize("rate", [16000, 44100, 48000, 8000])
def test_the_cut_changes_nothing(rate: int) -> None:
    samples = media.read_audio(SPEECH, rate).samples
    one, many = heard(samples, rate, len(samples)), heard(samples, rate, 700)
    assert one.count == many.count
    assert one.count == pytest.approx(len(samples) * SPEECH_RATE / rate, abs=2)
    for start, stop in ((0, 20000), (8000, 40000), (30000, 70000)):
        np.testing.assert_array_equal(
            one.window(start, stop).samples, many.window(start, stop).samples
        )


def test_a_window_of_all_is_the_sound_of_a_render() -> None:
    wave = media.read_audio(SPEECH, SPEECH_RATE)
    quiet = Waveform(wave.samples * np.float32(0.1) + np.float32(0.02), SPEECH_RATE)
    sound = heard(quiet.samples, SPEECH_RATE, 1000)
    found = sound.window(0, len(quiet.samples)).samples
    np.testing.assert_allclose(found, standardize(quiet).samples, atol=1e-5)


def test_what_has_not_come_is_silence() -> None:
    sound = heard(np.full(100, 0.5, np.float32), SPEECH_RATE, 10)
    assert len(sound.window(50, 400).samples) == 350
    assert not sound.window(60, 400).samples[40:].any()
    with pytest.raises(ValueError, match="sample 10 is gone, the first is 60"):
        sound.window(10, 400)


def test_channels_integers_and_what_is_no_number() -> None:
    tone = np.sin(np.arange(4000) / 9).astype(np.float32) / 2
    mono = heard(tone, SPEECH_RATE, 999).window(0, 4000).samples
    as_int = heard(np.round(tone * 32768).astype(np.int16), SPEECH_RATE, 999)
    np.testing.assert_allclose(as_int.window(0, 4000).samples, mono, atol=1e-4)
    both = heard(np.stack([tone, tone], axis=1), SPEECH_RATE, 999)
    np.testing.assert_array_equal(both.window(0, 4000).samples, mono)
    broken = tone.copy()
    broken[5] = np.nan
    assert np.isfinite(heard(broken, SPEECH_RATE, 999).window(0, 4000).samples).all()


@pytest.mark.parametrize(
    "piece",
    ["text", np.zeros((2, 3, 4), np.float32), np.zeros(4, np.int32), np.zeros((5, 9)), None],
)
def test_what_is_no_sound_is_refused(piece: object) -> None:
    with pytest.raises(AudioError, match=r"wanted samples \(n,\) or \(n, channels\)"):
        LiveSound(SPEECH_RATE).push(piece)


@pytest.mark.parametrize("rate", [0, -1, 10**7, 16000.5, "16000"])
def test_a_rate_that_is_none_is_refused(rate: object) -> None:
    with pytest.raises(AudioError, match="wanted a rate of 4000 to 384000 Hz"):
        LiveSound(rate)  # type: ignore[arg-type]
