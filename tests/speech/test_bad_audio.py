"""Sound as it comes: what it does to the lips, against the clean recording."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from lipsync.speech import audio, features, lip_model
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, LipTrack

SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample" / "speech.wav"
GRID = np.stack(np.meshgrid(np.linspace(-0.3, 0.3, 6), [0.8, 0.9, 1.0]), -1).reshape(18, 2)
PROFILE = LipProfile(GRID.astype(np.float32), 0.5, 0.2)


def lips(path: Path) -> LipTrack:
    wave = audio.load_speech(path)
    assert np.isfinite(wave.samples).all()
    assert np.abs(wave.samples).max() <= 1
    model = LipLSTM.load(LipOptions("default"))
    heard = features.extract(wave, model.spec)
    n = round(wave.duration * 25)
    return lip_model.predict(model, heard, PROFILE, Fraction(25), n)


def alike(path: Path, clean: LipTrack) -> float:
    """Correlation of the signed inner-lip gap with the clean recording's."""
    found = lips(path)
    assert abs(len(found) - len(clean)) <= 1
    n = min(len(found), len(clean))
    gaps = [(t.points[:n, 16, 1] - t.points[:n, 13, 1]) for t in (found, clean)]
    return float(np.corrcoef(gaps[0], gaps[1])[0, 1])


@pytest.fixture(scope="module")
def recording() -> tuple[F32, int]:
    samples, rate = soundfile.read(SAMPLE, dtype="float32")
    return samples, rate


@pytest.fixture(scope="module")
def clean() -> LipTrack:
    return lips(SAMPLE)


def write(path: Path, samples: F32, rate: int, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_an_offset(recording: tuple[F32, int], clean: LipTrack, tmp_path: Path) -> None:
    samples, rate = recording
    path = write(tmp_path / "offset.wav", samples * 0.5 + np.float32(0.3), rate)
    assert alike(path, clean) > 0.95


def test_nan_and_infinity(recording: tuple[F32, int], clean: LipTrack, tmp_path: Path) -> None:
    samples, rate = recording
    broken = samples.copy()
    broken[::5001], broken[7::9001], broken[9::9001] = np.nan, np.inf, -np.inf
    path = write(tmp_path / "nan.wav", broken, rate, "FLOAT")
    assert alike(path, clean) > 0.9


def test_clipping(recording: tuple[F32, int], clean: LipTrack, tmp_path: Path) -> None:
    samples, rate = recording
    loud = samples / np.abs(samples).max() * 4  # 12 dB too much
    path = write(tmp_path / "loud.wav", np.clip(loud, -1, 1), rate)
    assert alike(path, clean) > 0.8  # clipped, the voice seems to have another throat
    path = write(tmp_path / "float.wav", loud, rate, "FLOAT")  # floats beyond full scale
    assert alike(path, clean) > 0.8


def test_telephone(recording: tuple[F32, int], clean: LipTrack, tmp_path: Path) -> None:
    samples, rate = recording
    narrow = resample_poly(samples, 8000, rate).astype(np.float32)
    path = write(tmp_path / "phone.wav", narrow, 8000, "ULAW")
    assert alike(path, clean) > 0.75


def test_surround(recording: tuple[F32, int], clean: LipTrack, tmp_path: Path) -> None:
    samples, rate = recording
    # Speech in the center, as in films, and something faint all around.
    channels = np.random.default_rng(0).normal(0, 0.001, (len(samples), 6)).astype(np.float32)
    channels[:, 2] = samples
    path = write(tmp_path / "surround.wav", channels, rate)
    assert alike(path, clean) > 0.85  # in noise, the voice seems to have the usual throat


@pytest.mark.parametrize(
    ("subtype", "least"),
    # Eight bits are a noise floor of their own, -49 dB below full scale: audible, not the same.
    [("PCM_24", 0.99), ("PCM_32", 0.99), ("FLOAT", 0.99), ("DOUBLE", 0.99), ("PCM_U8", 0.8)],
)
def test_sample_formats(
    subtype: str, least: float, recording: tuple[F32, int], clean: LipTrack, tmp_path: Path
) -> None:
    samples, rate = recording
    path = write(tmp_path / "deep.wav", samples, rate, subtype)
    assert alike(path, clean) > least


@pytest.mark.parametrize(
    ("rate", "least"),
    # Without anything above 5.5 kHz, this voice seems to have the usual throat.
    [(11025, 0.85), (44100, 0.99), (96000, 0.99), (192000, 0.99)],
)
def test_sample_rates(
    rate: int, least: float, recording: tuple[F32, int], clean: LipTrack, tmp_path: Path
) -> None:
    samples, own = recording
    common = np.gcd(rate, own)
    other = resample_poly(samples, rate // common, own // common).astype(np.float32)
    path = write(tmp_path / "rate.wav", other, rate, "PCM_24")
    assert alike(path, clean) > least


def test_faint_and_silent_beginnings(
    recording: tuple[F32, int], clean: LipTrack, tmp_path: Path
) -> None:
    samples, rate = recording
    path = write(tmp_path / "faint.wav", samples * np.float32(0.01), rate, "PCM_24")
    assert alike(path, clean) > 0.95
