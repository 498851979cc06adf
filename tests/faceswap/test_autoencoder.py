from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lipsync.errors import WeightsError
from lipsync.face.schemes import SCHEMES
from lipsync.faceswap.autoencoder import FaceAutoencoder, FaceDims, expression, original
from lipsync.faceswap.autoencoder.blocks import SameConv, SelfAttention, Upscale
from lipsync.faceswap.autoencoder.light import Decoder
from lipsync.runtime import checkpoint
from lipsync.types import LandmarkScheme

SMALL = (FaceDims("light", 64, 8, 32), FaceDims("gan", 64, 4, 32))
TOLD = FaceDims("light", 64, 8, 32, expression.COUNT)


def test_the_original_has_82_06_million_weights() -> None:
    network = FaceAutoencoder(FaceDims("original"))
    assert sum(p.numel() for p in network.parameters()) == 82_062_470


def test_the_original_has_the_layers_of_the_first_programs() -> None:
    """docs/method.md §9, layer by layer: kernel, channels, and the size of what comes out."""
    seen: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []

    def note(module: nn.Module, _: object, output: torch.Tensor) -> None:
        weight = module.conv.weight if isinstance(module, SameConv | Upscale) else module.weight
        seen.append((type(module).__name__, tuple(weight.shape), tuple(output.shape[1:])))

    encoder, decoder = original.Encoder(), original.Decoder()
    for module in (*encoder.layers, *decoder.layers):
        if isinstance(module, SameConv | Upscale | nn.Linear):
            module.register_forward_hook(note)
    with torch.no_grad():
        made = decoder(encoder(torch.rand(1, 3, 64, 64)))
    assert made.shape == (1, 3, 64, 64)
    assert seen == [
        ("SameConv", (128, 3, 5, 5), (128, 32, 32)),
        ("SameConv", (256, 128, 5, 5), (256, 16, 16)),
        ("SameConv", (512, 256, 5, 5), (512, 8, 8)),
        ("SameConv", (1024, 512, 5, 5), (1024, 4, 4)),
        ("Linear", (1024, 16384), (1024,)),
        ("Linear", (16384, 1024), (16384,)),
        ("Upscale", (2048, 1024, 3, 3), (512, 8, 8)),
        ("Upscale", (1024, 512, 3, 3), (256, 16, 16)),
        ("Upscale", (512, 256, 3, 3), (128, 32, 32)),
        ("Upscale", (256, 128, 3, 3), (64, 64, 64)),
        ("SameConv", (3, 64, 5, 5), (3, 64, 64)),
    ]


def test_strided_convolutions_are_padded_as_in_tensorflow() -> None:
    """A kernel of ones counts the pixels under it: with one row less above than below."""
    conv = SameConv(1, 1, 5, 2)
    nn.init.ones_(conv.conv.weight)
    nn.init.zeros_(conv.conv.bias)
    with torch.no_grad():
        counts = conv(torch.ones(1, 1, 8, 8))[0, 0, 1]
    assert counts.tolist() == [20, 25, 25, 15]  # 1 column of zeros before, 2 behind


def test_attention_changes_nothing_at_first_and_then_sees_everything() -> None:
    torch.manual_seed(0)
    attention, x = SelfAttention(16), torch.rand(2, 16, 5, 7)
    assert torch.equal(attention(x), x)
    with torch.no_grad():
        attention.strength.fill_(1)
    far = x.clone()
    far[:, :, 4, 6] += 1
    assert not torch.allclose(attention(far)[:, :, 0, 0], attention(x)[:, :, 0, 0], atol=1e-5)


@pytest.mark.parametrize("dims", SMALL, ids=lambda d: d.architecture)
def test_both_decoders_share_one_encoder(dims: FaceDims) -> None:
    torch.manual_seed(0)
    network = FaceAutoencoder(dims)
    faces = torch.rand(2, 3, 64, 64)
    rgb, mask = network(faces, "a")
    assert rgb.shape == (2, 3, 64, 64)
    assert mask is not None
    assert mask.shape == (2, 1, 64, 64)
    assert bool((rgb >= 0).all() and (rgb <= 1).all())
    (rgb.sum() + mask.sum()).backward()
    assert all(p.grad is not None for p in network.encoder.parameters())
    assert all(p.grad is None for p in network.decoders["b"].parameters())
    assert not torch.allclose(network(faces, "b")[0], rgb)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda s: s.name)
def test_every_scheme_has_the_marks(scheme: LandmarkScheme) -> None:
    found = expression.landmark_indices(scheme)
    assert len(found) == expression.COUNT
    assert set(scheme.lips) < set(found)
    assert max(found) < scheme.count


def test_an_expression_is_in_units_of_ones_own_habits() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(30, 3, (400, expression.COUNT, 2)).astype(np.float32)
    points[:, 5] = 20  # never moves
    habits = expression.measure_statistics(points, 64)
    told = expression.normalize(torch.from_numpy(points), habits, 64).reshape(
        400, expression.COUNT, 2
    )
    moving = [i for i in range(expression.COUNT) if i != 5]
    assert told[:, moving].mean((0, 2)).abs().max() < 0.01
    assert told[:, moving].std(0) == pytest.approx(torch.ones(27, 2), abs=0.01)
    assert told[:, 5].abs().max() < 1e-3
    # Somebody else who is twice as lively, elsewhere, and does the same.
    other = 2 * points + 7
    same = expression.normalize(
        torch.from_numpy(other), expression.measure_statistics(other, 64), 64
    )
    assert same.reshape(told.shape)[:, moving] == pytest.approx(told[:, moving], abs=1e-3)
    far = torch.full((1, expression.COUNT, 2), 1e4)
    assert expression.normalize(far, habits, 64).max() == expression.MAX_DEVIATION


def test_a_network_that_is_told_marks_listens() -> None:
    """In training the second of three has the first one's picture, but its own marks."""
    torch.manual_seed(0)
    network = FaceAutoencoder(TOLD)
    faces, told = torch.rand(4, 3, 64, 64), torch.randn(4, 2 * expression.COUNT)
    with torch.no_grad():
        network.train()
        code = network.encode(faces, told)
        assert torch.allclose(network.encode(faces[[0, 0, 2, 3]], told), code, atol=1e-6)
        assert not torch.allclose(network.encode(faces, told[[0, 0, 2, 3]])[1], code[1], atol=1e-3)
        network.eval()
        code = network.encode(faces, told)
        assert not torch.allclose(network.encode(faces[[0, 0, 2, 3]], told)[1], code[1], atol=1e-3)
    with pytest.raises(ValueError, match="wants an expression"):
        network(faces, "a")
    with pytest.raises(ValueError, match="marks"):
        FaceDims("gan", 64, 4, 32, expression.COUNT)


def test_the_light_decoder_starts_from_the_mean_face() -> None:
    torch.manual_seed(0)
    decoder = Decoder(64, 8)
    mean = torch.rand(4, 64, 64) * 0.8 + 0.1
    decoder.start_from_mean(mean)
    with torch.no_grad():
        rgb, mask = decoder(torch.randn(3, 32, 4, 4))
    assert (torch.cat([rgb, mask], 1) - mean).abs().mean() < 0.02


@pytest.mark.parametrize("dims", (*SMALL, TOLD), ids=("light", "gan", "told"))
def test_weights_come_back_with_what_they_are(dims: FaceDims, tmp_path: Path) -> None:
    network = FaceAutoencoder(dims).eval()
    network.meta = {"name": "x", "people": {"a": "anna", "b": "bert"}}
    network.thumbnails = {"a": torch.rand(3, 40, 56), "b": torch.rand(3, 40, 56)}
    network.get_buffer("shift").copy_(torch.tensor([0.1, 0.0, -0.1]))
    network.save(tmp_path / "x.safetensors")
    back = FaceAutoencoder.load(tmp_path / "x.safetensors")
    assert back.dims == dims
    assert back.meta == network.meta
    assert torch.equal(back.thumbnails["b"], network.thumbnails["b"])
    faces = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        does = network.normalize_expression(torch.rand(1, expression.COUNT, 2), "b")
        assert (does is not None) == bool(dims.marks)
        assert torch.allclose(back(faces, "b", does)[0], network(faces, "b", does)[0], atol=1e-6)
    assert torch.allclose(back.to_encoder_color(torch.zeros(1, 3, 2, 2) + 0.5, "a")[0, :, 0, 0],
                          torch.tensor([0.6, 0.5, 0.4]))  # fmt: skip


def test_weights_of_something_else_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not of a face autoencoder"):
        FaceAutoencoder.load(checkpoint.asset_path("lip_lstm.safetensors"))
    path = tmp_path / "x.safetensors"
    tensors = {"a": torch.zeros(1)}
    checkpoint.save(path, tensors, {"kind": "face autoencoder", "dims": {"architecture": "big"}})
    with pytest.raises(WeightsError, match="does not know"):
        FaceAutoencoder.load(path)
    checkpoint.save(path, tensors, {"kind": "face autoencoder",
                                    "dims": {"architecture": "light", "size": 64}})  # fmt: skip
    with pytest.raises(WeightsError, match="do not fit the architecture light") as caught:
        FaceAutoencoder.load(path)
    assert "\n" not in str(caught.value)


def test_sizes_that_cannot_be_built_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        FaceDims("light", 100)
    with pytest.raises(ValueError, match="64 pixels"):
        FaceDims("original", 128)
