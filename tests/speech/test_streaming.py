"""Live sound: the same lips as for the whole, however it is cut, and no later than promised."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.errors import WeightsError
from lipsync.speech import audio, features, lip_model
from lipsync.speech.features import FeatureSpec
from lipsync.speech.features.streaming import StreamingFeatureExtractor
from lipsync.speech.lip_model import LipDims, LipLSTM, LipOptions, open_stream
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.running_mean import RunningMean
from lipsync.types import LipTrack, Waveform

SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "sample" / "speech.wav"
FPS = Fraction(30000, 1001)
GRID = np.stack(np.meshgrid(np.linspace(-0.3, 0.3, 6), [0.8, 0.9, 1.0]), -1).reshape(18, 2)
PROFILE = LipProfile(GRID.astype(np.float32), 0.5, 0.2)
SPECS = [
    FeatureSpec("paper28", causal=True),
    FeatureSpec("logmel", per_clip=True, causal=True),
    FeatureSpec("logmel+phones", per_clip=True, causal=True),
]
LIVE_MODELS = [name for name in sorted(lip_model.SHIPPED) if name != "default"]


@pytest.fixture(scope="module")
def speech() -> Waveform:
    return audio.load_speech(SAMPLE)


def cut(wave: Waveform, sizes: list[int]) -> list[Waveform]:
    """Pieces of these sizes, over and over."""
    pieces, first, i = [], 0, 0
    while first < len(wave.samples):
        size = sizes[i % len(sizes)]
        pieces.append(Waveform(wave.samples[first : first + size], wave.rate))
        first, i = first + size, i + 1
    return pieces


def streamed(model: LipLSTM, pieces: list[Waveform]) -> LipTrack:
    stream = open_stream(model, StreamingFeatureExtractor(model.spec), PROFILE, FPS)
    tracks = [*(stream.push(piece) for piece in pieces), stream.finish()]
    return LipTrack(np.concatenate([track.points for track in tracks]), FPS)


def offline(model: LipLSTM, wave: Waveform) -> LipTrack:
    heard = features.extract(wave, replace(model.spec, causal=True))
    return lip_model.predict(model, heard, PROFILE, FPS, max(1, round(wave.duration * FPS)))


def some_network(delay: int, stride: int) -> LipLSTM:
    torch.manual_seed(0)
    spec = FeatureSpec("logmel+phones", per_clip=True)
    model = LipLSTM(LipDims(spec.size, 16, 2, False, 5, delay, stride), spec)
    model.basis.copy_(torch.randn(5, 36))
    return model.eval()


@pytest.mark.parametrize("name", LIVE_MODELS)
@pytest.mark.parametrize("sizes", [[160], [1], [401, 7, 16000], [10**6]], ids=str)
def test_a_shipped_model_follows_live_sound_as_it_does_the_whole(
    name: str, sizes: list[int], speech: Waveform
) -> None:
    model = LipLSTM.load(LipOptions(name))
    wave = Waveform(speech.samples[:4000], 16000) if sizes == [1] else speech
    found, wanted = streamed(model, cut(wave, sizes)), offline(model, wave)
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found.points, wanted.points, atol=1e-4 * PROFILE.width)


@pytest.mark.parametrize(("delay", "stride"), [(0, 1), (20, 4), (20, 1), (8, 2)])
@pytest.mark.parametrize("samples", [1, 400, 3201, 30000])
def test_any_delay_stride_and_length(
    delay: int, stride: int, samples: int, speech: Waveform
) -> None:
    model = some_network(delay, stride)
    wave = Waveform(speech.samples[8000 : 8000 + samples], 16000)
    found, wanted = streamed(model, cut(wave, [333])), offline(model, wave)
    assert len(found) == len(wanted)
    np.testing.assert_allclose(found.points, wanted.points, atol=1e-4 * PROFILE.width)


@pytest.mark.parametrize("name", LIVE_MODELS)
def test_lips_come_as_soon_as_promised(name: str, speech: Waveform) -> None:
    model = LipLSTM.load(LipOptions(name))
    stream = open_stream(model, StreamingFeatureExtractor(model.spec), PROFILE, Fraction(25))
    frames, waits = 0, []
    for i, piece in enumerate(cut(speech, [16])):  # 1 ms at a time
        for _ in range(len(stream.push(piece))):
            waits.append((i + 1) / 1000 - frames / 25)
            frames += 1
    assert frames > 100
    waits = waits[1:]  # the first frame precedes the first step, whose lips it shows
    assert max(waits) <= stream.look_ahead + 0.001
    assert max(waits) > stream.look_ahead - 0.04  # the promise is not much too large
    assert stream.look_ahead < 0.32


def test_the_future_beyond_the_look_ahead_does_not_matter(speech: Waveform) -> None:
    model = LipLSTM.load(LipOptions("paper"))
    other = speech.samples.copy()
    other[32000:] = np.random.default_rng(0).normal(0, 0.2, len(other) - 32000)
    ahead = open_stream(model, StreamingFeatureExtractor(model.spec), PROFILE, FPS).look_ahead
    sure = int((2.0 - ahead) * FPS)
    a = streamed(model, cut(speech, [1000])).points
    b = streamed(model, cut(Waveform(other, 16000), [1000])).points
    np.testing.assert_array_equal(a[:sure], b[:sure])
    assert np.abs(a[sure + 10 : sure + 30] - b[sure + 10 : sure + 30]).max() > 0.01


def test_a_network_that_needs_the_end_says_so() -> None:
    model = LipLSTM.load(LipOptions("default"))
    with pytest.raises(WeightsError, match="cannot follow a live one"):
        open_stream(model, StreamingFeatureExtractor(model.spec), PROFILE, FPS)
    live = LipLSTM.load(LipOptions("paper"))
    stream = open_stream(live, StreamingFeatureExtractor(live.spec), PROFILE, FPS)
    with pytest.raises(ValueError, match="wanted 16000 Hz, got 8000"):
        stream.push(Waveform(np.zeros(800, np.float32), 8000))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_pieces_have_the_features_of_the_whole(spec: FeatureSpec, speech: Waveform) -> None:
    whole = features.extract(speech, spec)
    assert whole.values.shape == features.extract(speech, replace(spec, causal=False)).values.shape
    for size in (97, 160, 5000):
        live = StreamingFeatureExtractor(spec)
        pieces = [live.push(piece.samples) for piece in cut(speech, [size])]
        found = np.concatenate([*pieces, live.finish()])
        np.testing.assert_allclose(found, whole.values, atol=1e-4)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_running_level_comes_to_be_the_whole_clips(spec: FeatureSpec, speech: Waveform) -> None:
    long = Waveform(np.tile(speech.samples, 3), 16000)
    whole = features.extract(long, replace(spec, causal=False)).values
    for gain in (1.0, 0.3, 2.0):
        turned = Waveform((long.samples * np.float32(gain)).astype(np.float32), 16000)
        late = features.extract(turned, spec).values[-300:]
        assert np.corrcoef(late.ravel(), whole[-300:].ravel())[0, 1] > 0.93
        assert abs(np.mean(late - whole[-300:])) < 1.0  # nepers: 4 dB


def test_an_offset_and_nan_do_not_reach_live_features(speech: Waveform) -> None:
    spec = SPECS[0]
    clean = features.extract(speech, spec).values
    dirty = speech.samples + np.float32(0.1)
    dirty[::4001] = np.nan
    found = features.extract(Waveform(dirty, 16000), spec).values
    assert np.isfinite(found).all()
    late = slice(100, None)
    assert np.corrcoef(found[late].ravel(), clean[late].ravel())[0, 1] > 0.95


def test_a_running_mean_ends_at_the_mean_whatever_it_began_with() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(3, 1, (5000, 2)), rng.random(5000)
    found = RunningMean([100.0, -100.0], 10, 500).push(values, weights)
    assert np.abs(found[-1] - 3).max() < 0.2
    assert abs(found[0, 0] - 100) < 20
    # Far from everything that was ever heard, it is the prior's again.
    running = RunningMean([7.0], 10, 500)
    running.push(np.ones((1000, 1)), np.ones(1000))
    late = running.push(np.zeros((400000, 1)), np.zeros(400000))
    assert np.isfinite(late).all()
    assert late[-1, 0] == pytest.approx(7.0, abs=1e-3)
