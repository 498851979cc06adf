"""The lip network: time, space and weights around an LSTM that is only a function here."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.errors import WeightsError
from lipsync.runtime import checkpoint
from lipsync.speech import lip_model
from lipsync.speech.features import FeatureSpec
from lipsync.speech.lip_model import LipDims, LipLSTM, LipOptions, predict
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import AudioFeatures

SPEC = FeatureSpec("logmel", bands=2)
GRID = np.stack(np.meshgrid(np.linspace(-0.3, 0.3, 6), [0.8, 0.9, 1.0]), -1).reshape(18, 2)
PROFILE = LipProfile(GRID.astype(np.float32), 0.5, 0.2)


class Echo(torch.nn.Module):
    """Stands in for the LSTM: gives back the first feature, `delay` steps late."""

    def __init__(self, delay: int) -> None:
        super().__init__()
        self.delay = delay

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        late = torch.zeros_like(x[..., :1])
        late[:, self.delay :] = x[:, : x.shape[1] - self.delay, :1]
        return late, None


def echoing(delay: int, stride: int = 1) -> LipLSTM:
    """A network whose output is its own first feature on every coordinate."""
    model = LipLSTM(LipDims(2, 1, 1, False, 1, delay, stride), SPEC)
    model.members[0].lstm = Echo(delay // stride)
    model.members[0].head = torch.nn.Identity()
    model.basis.fill_(1.0)
    return model.eval()


def ramp(n: int) -> AudioFeatures:
    """Features that say what time it is."""
    seconds = 0.0125 + np.arange(n) / 100
    return AudioFeatures(np.stack([seconds, 0 * seconds], 1).astype(np.float32), 100.0, 0.0125)


@pytest.mark.parametrize(("delay", "stride"), [(0, 1), (20, 1), (0, 2), (20, 2)])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_delay_and_stride_do_not_move_the_lips_in_time(
    delay: int, stride: int, fps: Fraction
) -> None:
    lips = predict(echoing(delay, stride), ramp(301), PROFILE, fps, int(3 * fps))
    told = (lips.points - PROFILE.neutral)[:, 0, 0] / PROFILE.width
    seconds = np.arange(int(3 * fps)) / float(fps)
    inside = (seconds > 0.02) & (seconds < 2.98)
    # A stride's output stands in the middle of its steps but shows the first: half a step early.
    late_s = (stride - 1) / 2 / 100
    np.testing.assert_allclose(told[inside], seconds[inside] - late_s, atol=1e-3)  # 1 ms


def test_members_answer_with_their_mean_and_learn_from_rows_of_their_own() -> None:
    torch.manual_seed(0)
    model = LipLSTM(LipDims(2, 4, 1, True, 1, delay=0, stride=1, members=2), SPEC).eval()
    model.basis.fill_(1.0)
    values = torch.randn(5, 30, 2)
    alone = []
    for i in range(2):
        one = LipLSTM(LipDims(2, 4, 1, True, 1, delay=0, stride=1), SPEC).eval()
        one.basis.fill_(1.0)
        one.members[0].load_state_dict(model.members[i].state_dict())
        alone.append(one(values))
    torch.testing.assert_close(model(values), (alone[0] + alone[1]) / 2)
    learning = model.train()(values)
    for i in range(2):
        torch.testing.assert_close(learning[i::2], alone[i][i::2])


def test_the_state_of_every_member_is_carried_on() -> None:
    torch.manual_seed(0)
    model = LipLSTM(LipDims(2, 4, 2, False, 1, delay=0, stride=1, members=2), SPEC).eval()
    model.basis.fill_(1.0)
    values = torch.randn(1, 30, 2)
    first, state = model.advance(values[:, :11])
    second, _ = model.advance(values[:, 11:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), model(values))


@pytest.mark.parametrize("n_steps", [1, 2, 3, 7])
def test_short_sounds_hold_their_ends(n_steps: int) -> None:
    lips = predict(echoing(20, 2), ramp(n_steps), PROFILE, Fraction(25), 5)
    assert np.isfinite(lips.points).all()
    assert len(lips) == 5


def test_neutral_and_width_of_the_target_are_put_back() -> None:
    values = AudioFeatures(np.full((200, 2), 0.1, np.float32), 100.0, 0.0125)
    lips = predict(echoing(0), values, PROFILE, Fraction(25), 10)
    expected = np.broadcast_to(PROFILE.neutral + 0.5 * 0.1, (10, 18, 2))
    np.testing.assert_allclose(lips.points, expected, atol=1e-6)


@pytest.mark.parametrize(("usual", "gain"), [(0.0, 1), (0.1, 2**0.5), (0.2, 2**0.5), (0.8, 1)])
def test_a_mouth_that_opens_wide_opens_wider(usual: float, gain: float) -> None:
    model = echoing(0)
    model.meta = {lip_model.OPENING_RATIO: usual}  # the profile's is 0.2 / 0.5 = 0.4
    points = model.to_canonical(PROFILE, np.full((3, 18, 2), 0.1, np.float32)) - PROFILE.neutral
    np.testing.assert_allclose(points[..., 0], 0.5 * 0.1, atol=1e-6)
    np.testing.assert_allclose(points[..., 1], 0.5 * 0.1 * gain, atol=1e-6)


@pytest.mark.parametrize(("std", "gain"), [(0.81, 1 / 0.9), (1.0, 1), (1.2, 1), (0.1, 2**0.5)])
def test_half_of_what_regression_opens_too_little_is_made_up_for(std: float, gain: float) -> None:
    model = echoing(0)
    model.meta = {lip_model.ARTICULATION: std}
    points = model.to_canonical(PROFILE, np.full((3, 18, 2), 0.1, np.float32)) - PROFILE.neutral
    np.testing.assert_allclose(points[..., 0], 0.5 * 0.1, atol=1e-6)
    np.testing.assert_allclose(points[..., 1], 0.5 * 0.1 * gain, atol=1e-6)


def real_network(bidirectional: bool = True) -> LipLSTM:
    torch.manual_seed(0)
    model = LipLSTM(LipDims(2, 8, 2, bidirectional, 5, 0, 2, 0.3), SPEC, {"licence": "none"})
    model.basis.copy_(torch.randn(5, 36))
    return model


def test_saved_networks_predict_alike_and_saving_again_changes_nothing(tmp_path: Path) -> None:
    model = real_network()
    model.save(tmp_path / "w.safetensors")
    once = LipLSTM.load(LipOptions(str(tmp_path / "w.safetensors")))
    assert (once.dims, once.spec, once.meta) == (model.dims, model.spec, {"licence": "none"})
    once.save(tmp_path / "w2.safetensors")
    again = LipLSTM.load(tmp_path / "w2.safetensors")
    a, b, c = (
        predict(m.eval(), ramp(100), PROFILE, Fraction(25), 25).points for m in (model, once, again)
    )
    np.testing.assert_allclose(a, b, atol=2e-3)  # half precision of the weights
    np.testing.assert_array_equal(b, c)


def test_a_stream_is_causal_up_to_its_delay() -> None:
    model = LipLSTM(LipDims(2, 8, 1, False, 5, 20, 1), SPEC)
    model.basis.copy_(torch.randn(5, 36))
    whole, late = ramp(100), ramp(100)
    late.values[60:] = 9.0
    a, b = model.eval().predict_shapes(whole)[0], model.predict_shapes(late)[0]
    np.testing.assert_allclose(a[:40], b[:40], atol=1e-6)
    assert np.abs(a[41:60] - b[41:60]).max() > 1e-3


def test_features_of_another_size_are_a_bug() -> None:
    with pytest.raises(ValueError, match="wanted 2 features, got 3"):
        real_network().predict_shapes(AudioFeatures(np.zeros((10, 3), np.float32)))


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    model = real_network()
    model.save(path)
    tensors, meta = checkpoint.load(path)
    for other in (
        {**meta, "dims": {**meta["dims"], "hidden": 9}},
        {**meta, "dims": {"hidden": 9}},
        {**meta, "features": {"kind": "wav2vec"}},
        {"name": "something else"},
    ):
        checkpoint.save(path, tensors, other)
        with pytest.raises(WeightsError, match="not a LipLSTM's") as error:
            LipLSTM.load(path)
        assert "\n" not in str(error.value)
    with pytest.raises(WeightsError, match="no such weights"):
        LipLSTM.load(LipOptions(str(tmp_path / "absent.safetensors")))


@pytest.mark.parametrize("name", sorted(lip_model.SHIPPED))
def test_shipped_weights_load_and_carry_what_a_user_must_know(name: str) -> None:
    model = LipLSTM.load(LipOptions(name))
    assert {"name", "description", "licence", "training_data", "version"} <= model.meta.keys()
    assert model.spec.size == model.dims.inputs
    assert checkpoint.asset_path(lip_model.SHIPPED[name]).stat().st_size < 4_000_000
    lips = predict(
        model,
        AudioFeatures(np.zeros((300, model.dims.inputs), np.float32), 100.0, 0.0125),
        PROFILE,
        Fraction(25),
        75,
    )
    assert np.isfinite(lips.points).all()
