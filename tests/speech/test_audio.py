"""Audio: what the speech model gets to hear, whatever was recorded."""

from __future__ import annotations

import wave as wavefile
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import AudioError, MediaError
from lipsync.speech import audio
from lipsync.types import Waveform


def voice(seconds: float = 1.0, amplitude: float = 0.1) -> np.ndarray:
    at = np.arange(round(seconds * 16000)) / 16000
    return (amplitude * np.sin(2 * np.pi * 150 * at) * np.sin(np.pi * at)).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray, rate: int, channels: int = 1) -> Path:
    with wavefile.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("amplitude", [0.001, 0.1, 1.0])
def test_the_level_is_the_standard_one(amplitude: float) -> None:
    found = audio.standardize(Waveform(voice(amplitude=amplitude), 16000))
    rms_db = 20 * np.log10(np.sqrt(np.mean(found.samples.astype(np.float64) ** 2)) / audio.LEVEL)
    assert abs(rms_db) < 0.01


def test_a_peak_keeps_the_level_below_clipping() -> None:
    samples = voice() * np.float32(0.01)
    samples[8000] = 0.9
    assert np.abs(audio.standardize(Waveform(samples, 16000)).samples).max() <= 1.0


def test_offset_and_nan_do_not_matter() -> None:
    clean = audio.standardize(Waveform(voice(), 16000)).samples
    dirty = voice() + np.float32(0.3)
    dirty = np.where(np.arange(len(dirty)) % 4000 == 17, np.nan, dirty).astype(np.float32)
    found = audio.standardize(Waveform(dirty, 16000)).samples
    assert np.isfinite(found).all()
    assert np.corrcoef(clean, found)[0, 1] > 0.98


def test_silence_and_stubs_are_refused_in_one_line() -> None:
    with pytest.raises(AudioError, match="silent throughout") as silent:
        audio.standardize(Waveform(np.full(16000, 0.25, np.float32), 16000), "x.wav")
    with pytest.raises(AudioError, match=r"0\.10 s of sound; at least 0\.2 s") as short:
        audio.standardize(Waveform(voice(0.1), 16000), "x.wav")
    for error in (silent, short):
        assert str(error.value).startswith("x.wav: ")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (96000, 6)])
def test_any_rate_and_channel_count_comes_out_alike(
    tmp_path: Path, rate: int, channels: int
) -> None:
    at = np.arange(rate) / rate
    sound = 0.1 * np.sin(2 * np.pi * 150 * at) * np.sin(np.pi * at)
    path = write_wav(tmp_path / "a.wav", np.repeat(sound[:, None], channels, 1), rate, channels)
    found = audio.load_speech(path)
    assert found.rate == 16000
    assert abs(len(found.samples) - 16000) <= 1
    n = min(len(found.samples), 16000)
    assert np.corrcoef(found.samples[:n], voice()[:n])[0, 1] > 0.99


def test_missing_file_and_no_media(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="absent"):
        audio.load_speech(tmp_path / "absent.wav")
    (tmp_path / "text.wav").write_text("not sound")
    with pytest.raises((MediaError, AudioError), match=r"text\.wav"):
        audio.load_speech(tmp_path / "text.wav")
