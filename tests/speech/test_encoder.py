"""The recognizer's encoder: its front end, its windows, its weights, and what it is good for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.runtime import checkpoint
from lipsync.speech import audio, features
from lipsync.speech.features import ENCODED, FeatureSpec, encoder
from lipsync.speech.lip_profile import closed_mouth
from lipsync.types import F32, SPEECH_RATE, LipTrack, Waveform

SPEC = FeatureSpec("encoder")
SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample" / "speech.wav"


@pytest.fixture(scope="module")
def speech() -> F32:
    return audio.load_speech(SAMPLE).samples


def states(samples: F32) -> F32:
    return features.extract(Waveform(samples, SPEECH_RATE), SPEC).values


def test_every_step_has_its_values(speech: F32) -> None:
    values = states(speech)
    assert values.shape == (1 + -(-(len(speech) - features.WINDOW) // features.HOP), ENCODED)
    # Principal components, each to unit variance over much speech; this is some of it.
    assert 0.3 < values.std(0).mean() < 2


def test_bands_are_those_of_a_sound_of_unit_variance() -> None:
    """The front end that the network was trained with: |FFT|² of 400 Hann-windowed samples."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 16000).astype(np.float32)
    ours = features.power_spectra(noise) @ encoder.filters()
    window = np.hanning(401)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(noise / noise.std(), 400)[::160]
    theirs = np.abs(np.fft.rfft(frames * window)) ** 2
    import librosa

    bank = librosa.filters.mel(sr=16000, n_fft=400, n_mels=80, fmax=8000)
    expected = (theirs @ bank.T).mean(0) * noise.var()
    found = ours.mean(0)
    # Ours are read through other windows and finer bins; where bands are as narrow as a bin, by
    # half of it.
    assert np.abs(np.log10(found / expected)).max() < 0.3
    assert np.median(np.log10(found / expected)) == pytest.approx(0, abs=0.03)


def test_level_does_not_count(speech: F32) -> None:
    np.testing.assert_allclose(states(0.2 * speech), states(speech), atol=0.05)


def test_a_long_sound_is_read_in_windows_on_a_fixed_grid(speech: F32) -> None:
    long = np.tile(speech, 3)[: 16 * SPEECH_RATE]
    mel = features.power_spectra(long) @ encoder.filters()
    whole = encoder.encode(mel)
    log = encoder.normalize_level(mel, encoder.loud_level(mel))
    for first in (0, encoder.WINDOW, 3 * encoder.WINDOW):
        start = max(0, first - encoder.CONTEXT)
        network, mean, directions = encoder.load_network()
        with torch.inference_mode():
            heard = torch.from_numpy(log[start : first + encoder.WINDOW + encoder.CONTEXT])
            alone = ((network(heard[None], encoder.POSITION)[0] - mean) @ directions).numpy()
        kept = np.arange(first, first + encoder.WINDOW, encoder.STRIDE)
        np.testing.assert_allclose(whole[kept], alone[(kept - start) // 2], atol=1e-3)
        between = (alone[(kept - start) // 2] + alone[(kept - start) // 2 + 1]) / 2
        np.testing.assert_allclose(whole[kept[:-1] + 1], between[:-1], atol=1e-3)


def test_where_windows_meet_little_changes(speech: F32) -> None:
    """A seam would show as a step that is larger than those of the speech itself."""
    long = np.tile(speech, 3)
    values = states(long)
    steps = np.linalg.norm(np.diff(values, axis=0), axis=1)
    seams = np.arange(encoder.WINDOW, len(values) - 1, encoder.WINDOW) - 1
    assert len(seams) >= 5
    assert steps[seams].mean() < 2 * np.percentile(steps, 90)


def test_silence_and_a_click_are_no_trouble() -> None:
    click = np.zeros(8000, np.float32)
    click[4000] = 1
    for samples in (np.zeros(16000, np.float32), np.zeros(10, np.float32), click):
        assert np.isfinite(states(samples)).all()


def test_weights_are_packed_to_half_a_step() -> None:
    rng = torch.Generator().manual_seed(0)
    weights = {"a": torch.randn(5, 7, generator=rng), "b": torch.randn(5, generator=rng)}
    stored = encoder.quantize(weights)
    assert stored["a"].dtype == torch.int8
    found = encoder.dequantize(stored)
    assert found.keys() == weights.keys()
    step = weights["a"].abs().amax(1, keepdim=True) / 127
    assert ((found["a"] - weights["a"]).abs() <= 0.51 * step).all()
    assert torch.equal(found["b"], weights["b"])


def test_the_asset_says_where_it_is_from() -> None:
    _, meta = checkpoint.load(checkpoint.asset_path(encoder.ASSET))
    assert "pipecat" in meta["source"]
    for holder in ("Daily", "OpenAI"):
        assert holder in meta["licence"]


def test_it_is_for_whole_sounds_only() -> None:
    with pytest.raises(ValueError, match=r"FeatureSpec\.causal"):
        FeatureSpec("phones+encoder", causal=True)
    with pytest.raises(ValueError, match="order"):
        FeatureSpec("encoder+phones")


def test_weights_come_out_of_a_quantised_graph() -> None:
    """A product without names, a convolution and a bias, as the exporter writes them."""
    onnx = pytest.importorskip("onnx", reason="onnx is in the extra `training`")
    from training.export.encoder import OnnxWeights

    rng = np.random.default_rng(0)
    helper, kind = onnx.helper, onnx.TensorProto
    stored = rng.integers(-127, 128, (4, 6)).astype(np.int8)
    kernel = rng.integers(-127, 128, (4, 4, 3)).astype(np.int8)
    arrays = {
        "w": stored, "w_scale": rng.uniform(0.01, 0.02, 6).astype(np.float32),
        "w_zero": np.zeros(6, np.int8),
        "net.conv1.weight_quantized": kernel,
        "k_scale": rng.uniform(0.01, 0.02, 4).astype(np.float32), "k_zero": np.zeros(4, np.int8),
        "net.conv1.bias_quantized": np.arange(4, dtype=np.int32),
        "b_scale": np.full(4, 0.5, np.float32), "b_zero": np.zeros(4, np.int32),
        "net.fc.bias": rng.normal(0, 1, 6).astype(np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("DequantizeLinear", ["net.conv1.weight_quantized", "k_scale", "k_zero"],
                         ["kernel"], axis=0),
        helper.make_node("DequantizeLinear", ["net.conv1.bias_quantized", "b_scale", "b_zero"],
                         ["offset"], axis=0),
        helper.make_node("Conv", ["x", "kernel", "offset"], ["heard"]),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["matrix"], axis=1),
        helper.make_node("MatMul", ["heard", "matrix"], ["product"], name="nameless"),
        helper.make_node("Add", ["net.fc.bias", "product"], ["y"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", kind.FLOAT, None)],
        [helper.make_tensor_value_info("y", kind.FLOAT, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    found = OnnxWeights(graph).weights("net.")
    np.testing.assert_allclose(found["net.fc.weight"], (stored * arrays["w_scale"]).T, rtol=1e-6)
    expected = kernel * arrays["k_scale"][:, None, None]
    np.testing.assert_allclose(found["net.conv1.weight"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["net.conv1.bias"], 0.5 * np.arange(4), rtol=1e-6)


@pytest.mark.real
@pytest.mark.parametrize("name", ["grid_s26", "grid_s31"])
def test_lips_of_people_never_seen(shared: Path, tmp_path: Path, name: str) -> None:
    """The bar: r_open 0.78 as the mean of clips, from the sound alone, as the network predicts.

    Articulated, three quarters of their closures are met within 40 ms; the network meets half.
    """
    from lipsync.speech.articulation import ArticulationOptions
    from lipsync.speech.lip_model import LipLSTM, LipOptions
    from training.corpus.prepare import prepare_clips
    from training.evaluation.running_metrics import MouthGaps, Pair, match_closures
    from training.metrics import GapLevels, mean_clip_r_open, network_predictor

    speaker = prepare_clips(shared / "data" / name, tmp_path)
    clips, model = list(speaker.clips), LipLSTM.load(LipOptions())
    true = [clip.lips for clip in clips]
    mumbled, clear = (
        network_predictor(model, ArticulationOptions(share))(speaker, clips) for share in (0.0, 1.0)
    )
    assert mean_clip_r_open(true, mumbled) >= 0.78
    whole = LipTrack(np.concatenate([one.points for one in true]), true[0].rate)
    shut = float(LipTrack(closed_mouth(whole)[None], whole.rate).opening[0])
    gaps = MouthGaps(GapLevels.of(whole), shut, speaker.profile.opening_range)
    met, false = zip(
        *(
            match_closures([Pair(t, p, gaps) for t, p in zip(true, found, strict=True)])[:2]
            for found in (mumbled, clear)
        ),
        strict=True,
    )
    assert met[1] > max(0.7, met[0] + 0.1)
    assert false[1] < 0.05
