"""Training: figures whose truth is known, augmentation that keeps its word, runs that resume."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lipsync import features
from lipsync.errors import MediaError, OptionsError
from lipsync.geometry import LipProfile
from lipsync.learning import LEFT, LOWER, RIGHT, UPPER, Losses, lip_loss, resample
from lipsync.lip_lstm import LipLSTM
from lipsync.types import FeatureSpec, LipTrack, Waveform
from training import augment, corpus, evaluate, figures, prepare, train_lip_lstm
from training.augment import Augmentation

CONFIGS = Path(__file__).resolve().parents[1] / "configs" / "train"
FPS = Fraction(25)
MOUTH = np.stack(np.meshgrid(np.linspace(-0.3, 0.3, 6), [0.8, 0.9, 1.0]), -1).reshape(18, 2)
MOUTH[0], MOUTH[6] = (-0.3, 0.9), (0.3, 0.9)
MOUTH[13], MOUTH[16] = (0, 0.9), (0, 0.9)
SPEC = FeatureSpec("logmel", per_clip=True)


def opening_track(gap: np.ndarray) -> LipTrack:
    """A mouth of which only the lower inner lip moves."""
    points = np.repeat(MOUTH[None], len(gap), axis=0)
    points[:, 16, 1] += gap
    return LipTrack(points.astype(np.float32), FPS)


def babble(seed: int, frames: int = 75) -> np.ndarray:
    """Smooth random opening, ≥ 0."""
    steps = np.random.default_rng(seed).normal(size=frames + 8)
    return 0.1 * np.abs(np.convolve(steps, np.hanning(9), "valid"))


# --- figures ---------------------------------------------------------------------------------


def test_the_truth_scores_perfectly() -> None:
    tracks = [opening_track(babble(i)) for i in range(3)]
    found = figures.figures(tracks, tracks)
    assert found.r_open == pytest.approx(1)
    assert found.articulation == pytest.approx(1)
    assert found.rmse == 0
    assert found.lag_ms == pytest.approx(0, abs=0.5)
    assert np.isnan(found.r_width)  # the width never varies: no correlation to speak of


@pytest.mark.parametrize("frames_late", [-3, 2])
def test_a_late_mouth_has_its_lag(frames_late: int) -> None:
    gap = babble(1, 200)
    true, late = opening_track(gap), opening_track(np.roll(gap, frames_late))
    assert figures.lag_ms([true], [late]) == pytest.approx(40 * frames_late, abs=8)


def test_half_the_movement_is_half_the_articulation_and_full_correlation() -> None:
    gap = babble(2)
    found = figures.figures([opening_track(gap)], [opening_track(0.5 * gap)])
    assert found.articulation == pytest.approx(0.5, abs=1e-3)
    assert found.r_open == pytest.approx(1, abs=1e-5)
    # One of 36 coordinates is off by half the gap.
    assert found.rmse == pytest.approx(np.sqrt(np.mean((0.5 * gap) ** 2) / 36), rel=1e-3)


def test_frames_without_a_face_do_not_count_and_clips_must_correspond() -> None:
    true, bad = opening_track(babble(3)), opening_track(babble(3))
    true.points[10:20] = np.nan
    bad.points[10:20] += 5
    assert figures.figures([true], [bad]).rmse == 0
    with pytest.raises(ValueError, match="wanted 75 predicted frames, got 74"):
        figures.figures([true], [opening_track(babble(3, 74))])


def test_the_mean_of_clips_is_not_fooled_by_differences_between_clips() -> None:
    # Two clips, one wide open and one closed; within each, prediction is the true one mirrored.
    a, b = babble(4), babble(5)
    true = [opening_track(a), opening_track(b + 1)]
    mirrored = [opening_track(a.max() - a), opening_track(b.max() - b + 1)]
    assert figures.figures(true, mirrored).r_open > 0.9
    assert figures.mean_clip_r_open(true, mirrored) == pytest.approx(-1, abs=1e-3)


# --- augmentation ----------------------------------------------------------------------------


def vowel(pitch: float, formant: float, seconds: float = 1.0) -> Waveform:
    """A buzz of `pitch` Hz through one resonance at `formant` Hz."""
    at = np.arange(round(16000 * seconds)) / 16000
    harmonics = np.arange(1, int(7000 / pitch)) * pitch
    weights = 1 / (1 + ((harmonics - formant) / 150) ** 2)
    tones = weights[:, None] * np.sin(2 * np.pi * harmonics[:, None] * at[None])
    return Waveform((0.1 * tones.sum(0)).astype(np.float32), 16000)


def drawn(wave: Waveform, ranges: Augmentation, seed: int = 0) -> np.ndarray:
    """Log mel bands of a disguised voice."""
    spectrum = features.power(wave.samples)
    changed = augment.disguise(spectrum, ranges, np.random.default_rng(seed))
    assert changed.shape == spectrum.shape
    return features.of_bands(*features.bands(changed, SPEC), SPEC)


def speech(shared: Path) -> Waveform:
    from lipsync import audio

    wave = audio.load(shared / "data" / "speech" / "jfk.flac")
    return Waveform(wave.samples[: 3 * 16000], 16000)


@pytest.mark.real
def test_no_disguise_gives_the_features_of_a_render(shared: Path) -> None:
    wave = speech(shared)
    expected = features.extract(wave, SPEC).values
    np.testing.assert_allclose(drawn(wave, Augmentation()), expected, atol=0.1)  # 0.4 dB


def test_shorter_throats_have_higher_formants() -> None:
    log = np.log(features.power(vowel(120, 1600).samples)[50:51])
    envelope = log @ augment._lifter()
    assert int(envelope.argmax()) * 31.25 == pytest.approx(1600, abs=80)
    shorter = augment.stretch(envelope, 1.25, hold=True)
    assert int(shorter.argmax()) * 31.25 == pytest.approx(2000, abs=100)


def test_a_raised_voice_has_its_harmonics_further_apart() -> None:
    def spacing(fine: np.ndarray) -> float:
        """Hz, of the strongest periodicity of a fine structure."""
        spectrum = np.abs(np.fft.rfft(fine - fine.mean(), 4096))
        lowest = 4096 // 20  # periods of more than 20 bins are envelope
        return float(31.25 * 4096 / (lowest + int(spectrum[lowest:].argmax())))

    log = np.log(features.power(vowel(150, 1000).samples)[50:51])
    fine = log - log @ augment._lifter()
    assert spacing(fine[0]) == pytest.approx(150, abs=5)
    assert spacing(augment.stretch(fine, 1.5, hold=False)[0, :200]) == pytest.approx(225, abs=10)


def test_stretching_by_one_changes_nothing() -> None:
    log = np.random.default_rng(0).normal(size=(3, 257)).astype(np.float32)
    for hold in (True, False):
        np.testing.assert_array_equal(augment.stretch(log, 1.0, hold), log)


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
    spectrum = features.power(hum.samples)
    changed = augment.disguise(spectrum, Augmentation(telephone=1.0), np.random.default_rng(0))
    ratio_db = 10 * np.log10((changed + 1e-9)[50] / (spectrum + 1e-9)[50])
    assert ratio_db[4] == pytest.approx(-40, abs=1)  # 125 Hz
    assert ratio_db[32] == pytest.approx(0, abs=1)  # 1000 Hz
    assert clear.shape == phone.shape


def test_the_same_seed_draws_the_same_voices() -> None:
    everything = train_lip_lstm.read_config(CONFIGS / "lip_lstm.yaml").augmentation
    a, b, c = (drawn(vowel(120, 800), everything, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 0.1
    assert np.isfinite(a).all()


def test_resampling_rows_is_linear_and_holds_the_ends() -> None:
    rows = torch.arange(5.0)[None, :, None]
    places = torch.tensor([[-1.0, 0.0, 1.25, 3.5, 9.0]])
    found = resample(rows, places)[0, :, 0]
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 1.25, 3.5, 4.0]))


# --- corpus, loss and runs -------------------------------------------------------------------


def speaker(clips: int = 11, seconds: float = 2.0) -> corpus.Speaker:
    """Clips in which the buzz is as loud as the mouth is open."""
    made = []
    frames = round(25 * seconds)
    for i in range(clips):
        gap = babble(i, frames)
        at = np.arange(round(16000 * seconds)) / 16000
        loud = np.interp(at, np.arange(frames) / 25, gap)
        samples = (loud * 2 * vowel(120, 800, seconds).samples).astype(np.float32)
        wave = Waveform(samples, 16000)
        made.append(corpus.Clip(f"clip{i:02}", wave, opening_track(gap)))
    profile = LipProfile(MOUTH.astype(np.float32), 0.6, 0.2)
    return corpus.Speaker("someone", profile, tuple(made))


def test_corpus_round_trip_and_split(tmp_path: Path) -> None:
    made = speaker()
    corpus.save(tmp_path / "someone.npz", made)
    found = corpus.load(tmp_path, "someone")
    assert [p.name for p in tmp_path.iterdir()] == ["someone.npz"]
    for a, b in zip(made.clips, found.clips, strict=True):
        assert (a.name, a.lips.rate) == (b.name, b.lips.rate)
        np.testing.assert_array_equal(a.lips.points, b.lips.points)
        np.testing.assert_allclose(a.wave.samples, b.wave.samples, atol=2 / 32767)
    train, validation = corpus.split(found.clips)
    assert [c.name for c in validation] == ["clip00", "clip10"]
    assert len(train) == 9
    with pytest.raises(MediaError, match=r"training\.prepare"):
        corpus.load(tmp_path, "nobody")


def test_gaps_in_the_lips_are_bridged() -> None:
    made = speaker(1)
    lips = made.clips[0].lips
    full = made.relative(lips)
    lips.points[20] = np.nan
    bridged = made.relative(lips)
    np.testing.assert_allclose(bridged[20], (full[19] + full[21]) / 2, atol=1e-6)
    np.testing.assert_allclose(full[:, LOWER] - full[:, UPPER], lips_gap(made), atol=1e-5)


def lips_gap(made: corpus.Speaker) -> np.ndarray:
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
        only = Losses(**{**dict.fromkeys(scales, 0.0), term: 1.0})
        assert lip_loss(wanted, wanted, only, scales) == 0
        assert float(lip_loss(mean, wanted, only, scales)) == pytest.approx(1, abs=0.01)


def tiny(name: str, **changes: object) -> dict[str, object]:
    return {
        "name": name, "description": "test", "features": {"kind": "logmel", "per_clip": True},
        "hidden": 16, "layers": 1, "bidirectional": True, "delay": 0, "stride": 2,
        "dropout": 0.1, "crop_steps": [120, 160], "batch": 3, "epochs": 4, "components": 3,
        "learning_rate": 0.02, "clip_gradient": 1, "anneal": True, "speakers": ["someone"],
        "losses": {"opening": 1},
        "augmentation": {"voices": 2, "tempo": 1.1, "noise": 0.5, "noise_db": 20},
        **changes,
    }  # fmt: skip


def run(tmp_path: Path, config: dict[str, object], *more: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    folders = ["--data", str(tmp_path), "--out", str(tmp_path / "runs")]
    train_lip_lstm.main([str(path), *folders, *more])
    return tmp_path / "runs" / str(config["name"])


def test_a_run_learns_and_its_weights_say_where_they_come_from(tmp_path: Path) -> None:
    made = speaker(21)
    corpus.save(tmp_path / "someone.npz", made)
    folder = run(tmp_path, tiny("learns", epochs=20))
    model = LipLSTM.load(folder / "learns.safetensors")
    assert model.meta["training_data"] == ["someone"]
    assert yaml.safe_load((folder / "options.yaml").read_text())["epochs"] == 20
    clips = corpus.split(made.clips)[1]
    predicted = evaluate.by_network(model)(made, clips)
    assert figures.figures([c.lips for c in clips], predicted).r_open > 0.8


def test_a_resumed_run_ends_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    corpus.save(tmp_path / "someone.npz", speaker(8))
    whole = run(tmp_path, tiny("whole"))

    class StoppedError(Exception):
        pass

    store, saved = train_lip_lstm._store, []

    def stop_after_two(*args: object) -> None:
        store(*args)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == 2:
            raise StoppedError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(train_lip_lstm, "_store", stop_after_two)
        run(tmp_path, tiny("parts"))
    parts = run(tmp_path, tiny("parts"), "--resume")
    a = LipLSTM.load(whole / "whole.safetensors").state_dict()
    b = LipLSTM.load(parts / "parts.safetensors").state_dict()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_the_papers_features_cannot_be_disguised(tmp_path: Path) -> None:
    corpus.save(tmp_path / "someone.npz", speaker(3))
    with pytest.raises(SystemExit, match=r"augmentation\.voices"):
        run(tmp_path, tiny("paper", features={"kind": "paper28"}))


def test_a_dry_run_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(tmp_path, tiny("dry"), "--dry-run")
    assert yaml.safe_load(capsys.readouterr().out)["hidden"] == 16
    assert not folder.exists()


@pytest.mark.parametrize(
    ("change", "message"), [({"hiden": 1}, "hiden"), ({"epochs": "many"}, "epochs")]
)
def test_a_config_that_does_not_fit_names_the_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny("x", **change)))
    with pytest.raises(OptionsError, match=message):
        train_lip_lstm.read_config(path)
    with pytest.raises(SystemExit, match="no such config"):
        train_lip_lstm.main([str(tmp_path / "absent.yaml")])


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_committed_configs_are_valid_and_named_like_their_weights(path: Path) -> None:
    assert train_lip_lstm.read_config(path).name == path.stem


def test_another_clips_sound_is_chance_for_a_model_that_listens() -> None:
    made = speaker(21)
    train, validation = corpus.split(made.clips)
    right = evaluate.Ridge.fit(made, train).predict
    true = [c.lips for c in validation]
    wrong = evaluate.shuffled(right)(made, validation)
    assert figures.mean_clip_r_open(true, wrong) < 0.5
    alone = evaluate.shuffled(right)(made, validation[:1])
    assert figures.mean_clip_r_open(true[:1], alone) < 0.5
    mean = evaluate.mean_shape(made, train)(made, validation)
    assert np.isnan(figures.figures(true, mean).r_open)


def test_ridge_regression_finds_a_linear_mouth() -> None:
    made = speaker(21)
    train, validation = corpus.split(made.clips)
    predicted = evaluate.Ridge.fit(made, train).predict(made, validation)
    assert figures.figures([c.lips for c in validation], predicted).r_open > 0.8


@pytest.mark.real
@pytest.mark.slow
def test_prepare_measures_real_clips(shared: Path, tmp_path: Path) -> None:
    source = tmp_path / "someone"
    source.mkdir()
    for clip in sorted((shared / "data" / "grid_s31").glob("*.mkv"))[:2]:
        (source / clip.name).symlink_to(clip)
    made = prepare.prepare(source, tmp_path / "out", processes=1)
    found = corpus.load(tmp_path / "out", "someone")
    assert [c.name for c in found.clips] == sorted(p.stem for p in source.iterdir())
    assert made.profile.width == pytest.approx(0.53, abs=0.05)
    for clip in found.clips:
        assert abs(float(clip.wave.duration) - len(clip.lips) / 25) < 0.05
        known = clip.lips.points[np.isfinite(clip.lips.points).all((1, 2))]
        assert np.abs(known.mean((0, 1)) - (0, 0.9)).max() < 0.25
    with pytest.raises(MediaError, match="no video in this folder"):
        prepare.prepare(tmp_path / "out", tmp_path / "out2")
