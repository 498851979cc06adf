"""Hours of speech: no seam where its pieces meet, no copies of all of it, always the same lips."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import wave as wavefile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync import media
from lipsync.speech import audio, features, lip_model
from lipsync.speech.features import FeatureSpec
from lipsync.speech.lip_model import LipDims, LipLSTM, LipOptions, network
from lipsync.types import AudioFeatures, Waveform

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample" / "speech.wav"


@pytest.fixture(scope="module")
def speech() -> Waveform:
    """More than a minute: three of the grid's windows."""
    once = audio.load_speech(SAMPLE).samples
    rng = np.random.default_rng(0)
    louder = [once * np.float32(gain) for gain in rng.uniform(0.3, 1.0, 10)]
    return Waveform(np.concatenate(louder), 16000)


@pytest.mark.parametrize("name", sorted(lip_model.SHIPPED))
def test_windows_show_no_seam(name: str, speech: Waveform, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LipLSTM.load(LipOptions(name))
    heard = features.extract(speech, model.spec)
    monkeypatch.setattr(network, "WINDOW", 10**9)
    whole, times = model.predict_shapes(heard)
    for window in (2400, 301, 1000):
        monkeypatch.setattr(network, "WINDOW", window)
        found, found_times = model.predict_shapes(heard)
        np.testing.assert_array_equal(found_times, times)
        # Shapes are in mouth widths.
        error = np.abs(found - whole).max((1, 2))
        assert error.max() < 1e-3
        core = window // model.dims.stride
        borders = np.arange(core, len(whole) - 1, core)
        # The step across a border is what it is in the whole: nothing jumps.
        jump = np.abs(np.diff(found, axis=0) - np.diff(whole, axis=0)).max((1, 2))
        assert jump[borders - 1].max() < 1e-4


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("delay", "stride"), [(0, 1), (0, 4), (20, 4)])
@pytest.mark.parametrize("steps", [1, 99, 100, 101, 1000])
def test_any_length_gives_as_many_shapes_as_in_one_go(
    bidirectional: bool, delay: int, stride: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = LipLSTM(LipDims(3, 8, 2, bidirectional, 5, delay, stride), FeatureSpec("logmel")).eval()
    model.basis.copy_(torch.randn(5, 36))
    values = np.random.default_rng(0).normal(0, 1, (steps, 3)).astype(np.float32)
    whole, _ = model.predict_shapes(AudioFeatures(values))
    monkeypatch.setattr(network, "WINDOW", 100)
    found, times = model.predict_shapes(AudioFeatures(values))
    assert found.shape == whole.shape == (-(-steps // stride), 18, 2)
    assert len(times) == len(found)
    np.testing.assert_allclose(found, whole, atol=1e-3)


def test_the_level_is_the_same_whatever_the_blocks(
    speech: Waveform, monkeypatch: pytest.MonkeyPatch
) -> None:
    dirty = speech.samples + np.float32(0.1)
    dirty[1000], dirty[2000] = np.nan, np.inf
    whole = audio.standardize(Waveform(dirty, 16000)).samples
    assert np.isnan(dirty[1000])  # ours is a copy
    monkeypatch.setattr(audio, "BLOCK", 999)
    np.testing.assert_allclose(audio.standardize(Waveform(dirty, 16000)).samples, whole, atol=1e-6)


def test_an_hour_is_read_into_memory_once(tmp_path: Path) -> None:
    """In a process of its own: the peak is what counts, and it never goes down again."""
    once = (media.read_audio(SAMPLE).samples * 32767).astype("<i2").tobytes()
    path = tmp_path / "hour.wav"
    with wavefile.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        for _ in range(-(-3600 * 16000 * 2 // len(once))):
            file.writeframes(once)
    script = (
        "import resource, sys\n"
        "from lipsync.speech import audio\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before = peak()\n"
        "wave = audio.load_speech(sys.argv[1])\n"
        "print((peak() - before) / (wave.samples.nbytes / 2**20), len(wave.samples))\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPO).stdout
    ratio, samples = said.split()
    assert int(samples) >= 3600 * 16000
    assert float(ratio) < 1.5  # times the samples themselves


def test_two_processes_give_identical_lips() -> None:
    script = (
        "import hashlib, sys\n"
        "from fractions import Fraction\n"
        "import numpy as np\n"
        "from lipsync.speech import audio, features, lip_model, vad\n"
        "from lipsync.speech.lip_profile import LipProfile\n"
        "wave = audio.load_speech(sys.argv[1])\n"
        "model = lip_model.LipLSTM.load(lip_model.LipOptions('default'))\n"
        "heard = features.extract(wave, model.spec)\n"
        "profile = LipProfile(np.zeros((18, 2), np.float32), 1.0, 0.1)\n"
        "lips = lip_model.predict(model, heard, profile, Fraction(25), 150)\n"
        "spoken = vad.speech_probabilities(wave.samples)\n"
        "print(hashlib.sha256(lips.points.tobytes() + spoken.tobytes()).hexdigest())\n"
    )
    command = [sys.executable, "-c", script, str(SAMPLE)]
    said = [
        subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPO).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert len(said[0].strip()) == hashlib.sha256().digest_size * 2


@pytest.mark.real
@pytest.mark.slow
def test_a_long_speech_costs_a_fraction_of_its_duration(shared: Path, tmp_path: Path) -> None:
    """Five minutes here; bench/cost/long_audio.py does hours."""
    out = tmp_path / "long.md"
    command = [
        sys.executable,
        "bench/cost/long_audio.py",
        "--shared",
        str(shared),
        "--minutes",
        "5",
    ]
    command += ["--models", "default", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True, cwd=REPO)
    cells = [cell.strip() for cell in out.read_text().splitlines()[-1].split("|")]
    share = float(cells[9])  # CPU time: what else runs here must not matter
    assert Fraction(cells[2]) == 5
    assert share < 0.10  # twice what an hour may take: starting up counts too
