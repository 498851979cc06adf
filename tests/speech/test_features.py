"""Features: the paper's numbers, the physics of a mel scale, independence of the block size."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
from python_speech_features import mfcc

from lipsync.runtime import checkpoint
from lipsync.speech import audio, features
from lipsync.speech.features import FeatureSpec, phones, spectrum, vtln
from lipsync.types import SPEECH_RATE, Waveform

PAPER = FeatureSpec("paper28")
LOGMEL = FeatureSpec("logmel", per_clip=True)


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.1) -> Waveform:
    at = np.arange(round(seconds * 16000)) / 16000
    return Waveform((amplitude * np.sin(2 * np.pi * hertz * at)).astype(np.float32), 16000)


def noise(seconds: float, seed: int = 0) -> Waveform:
    values = np.random.default_rng(seed).normal(0, 0.05, round(seconds * 16000))
    return Waveform(values.astype(np.float32), 16000)


def test_paper28_cepstra_equal_those_of_python_speech_features() -> None:
    wave = noise(1.0)
    ours = features.extract(wave, PAPER).values[:, :13]
    theirs = mfcc(
        wave.samples * 32768.0, 16000, 0.025, 0.01, 13, 40, 512, 133, 6855, 0.97, 0,
        appendEnergy=False, winfunc=np.hamming,
    )  # fmt: skip
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_paper28_has_energy_on_the_int16_scale_and_its_difference() -> None:
    values = features.extract(tone(440), PAPER).values
    assert values.shape == (99, 28)
    # Power of the pre-emphasised, windowed sine: A²/2 · |1 − 0.97 e^{−jω}|² · mean(window²).
    gain = abs(1 - 0.97 * np.exp(-2j * np.pi * 440 / 16000)) ** 2
    power = (0.1 * 32768) ** 2 / 2 * gain * np.mean(np.hamming(400) ** 2)
    assert values[50, 13] == pytest.approx(np.log(1 + power), abs=0.02)
    np.testing.assert_allclose(values[1:, 14:], np.diff(values[:, :14], axis=0), atol=1e-5)
    assert not values[0, 14:].any()


@pytest.mark.parametrize("hertz", [200, 700, 2000, 5000])
def test_a_tone_is_loudest_in_the_band_around_it(hertz: float) -> None:
    values = features.extract(tone(hertz), FeatureSpec("logmel")).values
    band = int(values[50].argmax())
    center = (features.mel_filters(40).argmax(0) * 16000 / 512)[band]
    assert abs(center - hertz) < 0.1 * hertz + 32  # a band's width, and a bin of the FFT


@pytest.mark.parametrize(("count", "low", "high"), [(40, 60, 7600), (25, 130, 6800)])
def test_filters_equal_those_of_librosa(count: int, low: float, high: float) -> None:
    want = librosa.filters.mel(
        sr=16000, n_fft=512, n_mels=count, fmin=low, fmax=high, htk=True, norm=None
    )
    assert np.abs(spectrum.mel_filters(count, low, high) - want.T).max() < 1e-6


def test_logmel_does_not_know_the_level_nor_a_constant_color() -> None:
    wave = noise(2.0)
    quiet = Waveform(wave.samples * np.float32(0.05), 16000)
    a, b = (features.extract(w, LOGMEL).values for w in (wave, quiet))
    np.testing.assert_allclose(a, b, atol=0.01)  # 0.04 dB
    assert abs(a.mean(0)).max() < 1e-3


def test_digital_silence_is_a_quiet_room_below_the_loud_steps() -> None:
    samples = np.concatenate([noise(1.0).samples, np.zeros(16000, np.float32)])
    values = features.extract(Waveform(samples, 16000), FeatureSpec("logmel", floor_db=60)).values
    assert np.isfinite(values).all()
    decibels = values[-10:] * 10 / np.log(10)
    np.testing.assert_allclose(decibels, -60, atol=0.1)


@pytest.mark.parametrize("spec", [PAPER, LOGMEL], ids=["paper28", "logmel"])
def test_blocks_leave_no_seam(spec: FeatureSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = noise(3.01)
    whole = features.extract(wave, spec).values
    monkeypatch.setattr(spectrum, "BLOCK", 37)
    np.testing.assert_allclose(features.extract(wave, spec).values, whole, atol=1e-4)


@pytest.mark.parametrize("samples", [1, 399, 400, 401, 560, 561, 16000])
def test_every_sample_is_in_some_window(samples: int) -> None:
    found = features.extract(Waveform(np.ones(samples, np.float32) * 0.1, 16000), PAPER)
    windows_reach = (len(found.values) - 1) * 160 + 400
    assert windows_reach >= samples
    assert windows_reach - 160 < samples or len(found.values) == 1
    assert found.start == pytest.approx(0.0125)


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted 16000 Hz, got 8000"):
        features.extract(Waveform(np.zeros(8000, np.float32), 8000), PAPER)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted paper28, or some of logmel"):
        FeatureSpec("mfcc")


# --- phones ----------------------------------------------------------------------------------

PHONES = FeatureSpec("logmel+phones", per_clip=True)


def test_phone_posteriors_are_shares() -> None:
    values = features.extract(noise(1.0), PHONES).values
    assert values.shape == (99, 82)
    np.testing.assert_allclose(values[:, 40:].sum(1), 1, atol=1e-5)
    assert values[:, 40:].min() >= 0


def test_the_mixtures_give_the_density_that_their_parameters_say() -> None:
    from scipy.stats import norm

    tensors, meta = checkpoint.load(checkpoint.asset_path("phones.safetensors"))
    assert len(meta["phones"]) == features.PHONES
    assert "Alpha Cephei" in meta["licence"]
    streams = np.random.default_rng(0).normal(0, 8, (3, 4, 13)).astype(np.float32)
    mean, std = tensors["means"].double().numpy(), tensors["variances"].double().numpy() ** 0.5
    score = np.zeros((4, features.PHONES, 3))
    for s in range(3):
        density = norm.logpdf(streams[s][:, None, None], mean[:, s], std[:, s]).sum(-1)
        best = density.max(-1, keepdims=True)
        mixed = np.einsum("npc,pcs->nps", np.exp(density - best), tensors["weights"][s].numpy())
        score += np.log(mixed) + best
    np.testing.assert_allclose(phones.log_likelihoods(streams), score.swapaxes(0, 1), atol=0.02)


@pytest.mark.real
def test_real_phones_are_recognized(shared: Path) -> None:

    names = checkpoint.load(checkpoint.asset_path("phones.safetensors"))[1]["phones"]
    # Thirty clips of "… now/soon/please/again": the /s/ of "six", "soon" and the silences.
    words = (shared / "data" / "grid_s1_words.tsv").read_text().splitlines()[1:]
    hits = {"SIL": [], "S": []}
    cache: dict[str, np.ndarray] = {}
    for line in words:
        clip, start, end, word = line.split("\t")
        if word not in ("sil", "six", "soon") or (len(cache) > 30 and clip not in cache):
            continue
        if clip not in cache:
            wave = audio.load_speech(shared / "data" / "grid_s1" / f"{clip}.mkv")
            cache[clip] = features.extract(wave, PHONES).values[:, 40:]
        first = round(float(start) * 100)
        if word == "sil":
            hits["SIL"].append(cache[clip][first + 5 : round(float(end) * 100) - 5])
        else:
            hits["S"].append(cache[clip][first + 2 : first + 9])
    for phone, found in hits.items():
        mean = np.concatenate(found).mean(0)
        assert names[int(mean.argmax())] == phone


# --- the throat ------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.1])
def test_stretching_moves_a_tone_by_its_factor(factor: float) -> None:
    heard = features.power_spectra(tone(1500).samples)[50]
    moved = heard @ spectrum.stretch_matrix(factor)
    hertz = int(moved.argmax()) * SPEECH_RATE / features.FFT
    assert hertz == pytest.approx(1500 * factor, abs=32)  # a bin
    filtered = heard @ features.mel_filters(40, stretch=factor)
    np.testing.assert_allclose(filtered, moved @ features.mel_filters(40), rtol=1e-3)


def test_a_throat_is_asked_for_only_where_a_whole_clip_has_bands() -> None:
    for wrong in ({"kind": "paper28"}, {"kind": "logmel", "causal": True}):
        with pytest.raises(ValueError, match=r"FeatureSpec\.throat"):
            FeatureSpec(throat=True, **wrong)


def test_silence_and_a_click_have_the_usual_throat() -> None:
    for samples in (np.zeros(16000, np.float32), np.zeros(100, np.float32)):
        assert vtln.estimate_stretch(samples) == 1.0


@pytest.mark.real
def test_womens_formants_come_down_and_mens_stay(shared: Path) -> None:

    data = shared / "data"
    for woman in ("grid_s4/bbilzs.mp4", "grid_s31/*.mkv"):
        wave = audio.load_speech(sorted(data.glob(woman))[0])
        assert vtln.estimate_stretch(wave.samples) < 0.96
        assert vtln.estimate_stretch(wave.samples) == vtln.estimate_stretch(wave.samples)
    for man in ("grid_s26/*.mkv", "targets/englishvideo.mp4"):
        assert vtln.estimate_stretch(audio.load_speech(sorted(data.glob(man))[0]).samples) > 0.96


@pytest.mark.real
def test_a_long_voice_is_heard_as_a_short_one(shared: Path) -> None:

    wave = audio.load_speech(shared / "data" / "speech" / "LJ001-0001.wav")
    long = np.tile(wave.samples, 30)  # five minutes
    # This voice lies at the limit of the usual throat: one step of the search is 1 or 0.91.
    assert vtln.estimate_stretch(long) == pytest.approx(
        vtln.estimate_stretch(wave.samples), abs=0.09
    )
