"""Training: figures whose truth is known, augmentation that keeps its word, a loss with scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.errors import MediaError
from lipsync.learning.lip_losses import (
    LEFT,
    LOWER,
    RIGHT,
    UPPER,
    LipLossWeights,
    lip_loss,
    resample,
)
from lipsync.speech import audio, features
from lipsync.speech.features import FeatureSpec
from lipsync.types import Waveform
from tests.support.talkers import babble, opening_track, speaker, vowel
from training import metrics
from training.corpus import dataset
from training.evaluation import baselines
from training.speech_model import augment, options
from training.speech_model.augment import Augmentation

CONFIGS = Path(__file__).resolve().parents[3] / "configs" / "train"
SPEC = FeatureSpec("logmel", per_clip=True)


# --- figures ---------------------------------------------------------------------------------


def test_the_truth_scores_perfectly() -> None:
    tracks = [opening_track(babble(i)) for i in range(3)]
    found = metrics.lip_metrics(tracks, tracks)
    assert found.r_open == pytest.approx(1)
    assert found.articulation == pytest.approx(1)
    assert found.rmse == 0
    assert found.lag_ms == pytest.approx(0, abs=0.5)
    assert np.isnan(found.r_width)  # the width never varies: no correlation to speak of


@pytest.mark.parametrize("frames_late", [-3, 2])
def test_a_late_mouth_has_its_lag(frames_late: int) -> None:
    gap = babble(1, 200)
    true, late = opening_track(gap), opening_track(np.roll(gap, frames_late))
    assert metrics.lag_ms([true], [late]) == pytest.approx(40 * frames_late, abs=8)


def test_half_the_movement_is_half_the_articulation_and_full_correlation() -> None:
    gap = babble(2)
    found = metrics.lip_metrics([opening_track(gap)], [opening_track(0.5 * gap)])
    assert found.articulation == pytest.approx(0.5, abs=1e-3)
    assert found.r_open == pytest.approx(1, abs=1e-5)
    # One of 36 coordinates is off by half the gap.
    assert found.rmse == pytest.approx(np.sqrt(np.mean((0.5 * gap) ** 2) / 36), rel=1e-3)


def test_frames_without_a_face_do_not_count_and_clips_must_correspond() -> None:
    true, bad = opening_track(babble(3)), opening_track(babble(3))
    true.points[10:20] = np.nan
    bad.points[10:20] += 5
    assert metrics.lip_metrics([true], [bad]).rmse == 0
    with pytest.raises(ValueError, match="wanted 75 predicted frames, got 74"):
        metrics.lip_metrics([true], [opening_track(babble(3, 74))])


def test_the_mean_of_clips_is_not_fooled_by_differences_between_clips() -> None:
    # Two clips, one wide open and one closed; within each, prediction is the true one mirrored.
    a, b = babble(4), babble(5)
    true = [opening_track(a), opening_track(b + 1)]
    mirrored = [opening_track(a.max() - a), opening_track(b.max() - b + 1)]
    assert metrics.lip_metrics(true, mirrored).r_open > 0.9
    assert metrics.mean_clip_r_open(true, mirrored) == pytest.approx(-1, abs=1e-3)


# --- augmentation ----------------------------------------------------------------------------


def drawn(wave: Waveform, ranges: Augmentation, seed: int = 0) -> np.ndarray:
    """Log mel bands of a disguised voice."""
    spectrum = features.power_spectra(wave.samples)
    changed = augment.disguise_voice(spectrum, ranges, np.random.default_rng(seed))
    assert changed.shape == spectrum.shape
    return features.features_of_bands(features.band_energies(changed, SPEC), SPEC)


def speech(shared: Path) -> Waveform:

    wave = audio.load_speech(shared / "data" / "speech" / "jfk.flac")
    return Waveform(wave.samples[: 3 * 16000], 16000)


@pytest.mark.real
def test_no_disguise_gives_the_features_of_a_render(shared: Path) -> None:
    wave = speech(shared)
    expected = features.extract(wave, SPEC).values
    np.testing.assert_allclose(drawn(wave, Augmentation()), expected, atol=0.1)  # 0.4 dB


def test_shorter_throats_have_higher_formants() -> None:
    log = np.log(features.power_spectra(vowel(120, 1600).samples)[50:51])
    envelope = log @ augment.envelope_filter()
    assert int(envelope.argmax()) * 31.25 == pytest.approx(1600, abs=80)
    shorter = augment.stretch_frequency(envelope, 1.25, hold=True)
    assert int(shorter.argmax()) * 31.25 == pytest.approx(2000, abs=100)


def test_a_raised_voice_has_its_harmonics_further_apart() -> None:
    def spacing(fine: np.ndarray) -> float:
        """Hz, of the strongest periodicity of a fine structure."""
        spectrum = np.abs(np.fft.rfft(fine - fine.mean(), 4096))
        lowest = 4096 // 20  # periods of more than 20 bins are envelope
        return float(31.25 * 4096 / (lowest + int(spectrum[lowest:].argmax())))

    log = np.log(features.power_spectra(vowel(150, 1000).samples)[50:51])
    fine = log - log @ augment.envelope_filter()
    assert spacing(fine[0]) == pytest.approx(150, abs=5)
    assert spacing(augment.stretch_frequency(fine, 1.5, hold=False)[0, :200]) == pytest.approx(
        225, abs=10
    )


def test_stretching_by_one_changes_nothing() -> None:
    log = np.random.default_rng(0).normal(size=(3, 257)).astype(np.float32)
    for hold in (True, False):
        np.testing.assert_array_equal(augment.stretch_frequency(log, 1.0, hold), log)


def with_pause() -> Waveform:
    return Waveform(np.concatenate([vowel(120, 800).samples, np.zeros(16000, np.float32)]), 16000)


def test_noise_fills_pauses_and_spares_the_loud() -> None:
    clean = drawn(with_pause(), Augmentation())
    loud, pause = slice(10, 90), slice(110, 190)
    depth = [clean[loud].mean() - clean[pause].mean()]
    for seed in range(10):
        noisy = drawn(with_pause(), Augmentation(noise=1.0, noise_db=20), seed)
        depth.append(noisy[loud].mean() - noisy[pause].mean())
    assert max(depth[1:]) < depth[0]
    assert np.std(depth[1:]) > 0.3  # nepers: the noise's level was drawn anew every time


def test_an_echo_lengthens_the_end_of_a_sound() -> None:
    dry = drawn(with_pause(), Augmentation()).mean(1)
    for seed in range(8):
        more = drawn(with_pause(), Augmentation(echo=1.0), seed).mean(1) - dry
        # Nepers, 50 ms after the end, against 800 ms after it.
        assert more[104:110].mean() - more[180:].mean() > 0.5


def test_a_telephone_has_no_bass() -> None:
    hum = vowel(110, 150)
    clear, phone = (drawn(hum, Augmentation(telephone=t)) for t in (0.0, 1.0))
    # Bands are relative to the clip's mean in each; steps are steady, so nothing else remains.
    assert np.isfinite(phone).all()
    spectrum = features.power_spectra(hum.samples)
    changed = augment.disguise_voice(
        spectrum, Augmentation(telephone=1.0), np.random.default_rng(0)
    )
    ratio_db = 10 * np.log10((changed + 1e-9)[50] / (spectrum + 1e-9)[50])
    assert ratio_db[4] == pytest.approx(-40, abs=1)  # 125 Hz
    assert ratio_db[32] == pytest.approx(0, abs=1)  # 1000 Hz
    assert clear.shape == phone.shape


def test_the_same_seed_draws_the_same_voices() -> None:
    everything = options.read_config(CONFIGS / "lip_lstm.yaml").augmentation
    a, b, c = (drawn(vowel(120, 800), everything, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.1
    assert np.isfinite(a).all()


def test_resampling_rows_is_linear_and_holds_the_ends() -> None:
    rows = torch.arange(5.0)[None, :, None]
    places = torch.tensor([[-1.0, 0.0, 1.25, 3.5, 9.0]])
    found = resample(rows, places)[0, :, 0]
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 1.25, 3.5, 4.0]))


# --- corpus and loss ---------------------------------------------------------------------------


def test_corpus_round_trip_and_split(tmp_path: Path) -> None:
    made = speaker()
    dataset.save(tmp_path / "someone.npz", made)
    found = dataset.load(tmp_path, "someone")
    assert [p.name for p in tmp_path.iterdir()] == ["someone.npz"]
    for a, b in zip(made.clips, found.clips, strict=True):
        assert (a.name, a.lips.rate) == (b.name, b.lips.rate)
        np.testing.assert_array_equal(a.lips.points, b.lips.points)
        np.testing.assert_allclose(a.wave.samples, b.wave.samples, atol=2 / 32767)
    train, validation = dataset.split(found.clips)
    assert [c.name for c in validation] == ["clip00", "clip10"]
    assert len(train) == 9
    with pytest.raises(MediaError, match=r"training\.corpus\.prepare"):
        dataset.load(tmp_path, "nobody")


def test_gaps_in_the_lips_are_bridged() -> None:
    made = speaker(1)
    lips = made.clips[0].lips
    full = made.relative_shapes(lips)
    lips.points[20] = np.nan
    bridged = made.relative_shapes(lips)
    np.testing.assert_allclose(bridged[20], (full[19] + full[21]) / 2, atol=1e-6)
    np.testing.assert_allclose(full[:, LOWER] - full[:, UPPER], lips_gap(made), atol=1e-5)


def lips_gap(made: dataset.Speaker) -> np.ndarray:
    return babble(0, 50) / made.profile.width


def test_every_loss_term_is_one_for_the_mean_and_zero_for_the_truth() -> None:
    torch.manual_seed(0)
    wanted = torch.randn(4, 5000, 36)
    mean = wanted.mean((0, 1)).expand_as(wanted)
    scales = {
        "shape": wanted.flatten(0, 1).var(0).mean().item(),
        "opening": (wanted[..., LOWER] - wanted[..., UPPER]).var().item(),
        "width": (wanted[..., RIGHT] - wanted[..., LEFT]).var().item(),
        "velocity": wanted.diff(dim=1).flatten(0, 1).var(0).mean().item(),
    }
    for term in scales:
        only = LipLossWeights(**{**dict.fromkeys(scales, 0.0), term: 1.0})
        assert lip_loss(wanted, wanted, only, scales) == 0
        assert float(lip_loss(mean, wanted, only, scales)) == pytest.approx(1, abs=0.01)


def test_another_clips_sound_is_chance_for_a_model_that_listens() -> None:
    made = speaker(21)
    train, validation = dataset.split(made.clips)
    right = baselines.Ridge.fit(made, train).predict
    true = [c.lips for c in validation]
    wrong = baselines.shuffled_predictor(right)(made, validation)
    assert metrics.mean_clip_r_open(true, wrong) < 0.5
    alone = baselines.shuffled_predictor(right)(made, validation[:1])
    assert metrics.mean_clip_r_open(true[:1], alone) < 0.5
    mean = baselines.mean_shape_predictor(made, train)(made, validation)
    assert np.isnan(metrics.lip_metrics(true, mean).r_open)


def test_ridge_regression_finds_a_linear_mouth() -> None:
    made = speaker(21)
    train, validation = dataset.split(made.clips)
    predicted = baselines.Ridge.fit(made, train).predict(made, validation)
    assert metrics.lip_metrics([c.lips for c in validation], predicted).r_open > 0.8
