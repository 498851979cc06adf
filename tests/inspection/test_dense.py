"""Networks without a framework do what those that were trained do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lipsync.inspection.dense import BLOCK, LEAK, Dense, normalize, slide, windows


def test_it_computes_what_torch_does() -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(7, 11), nn.Linear(11, 5), nn.Linear(5, 3)]
    trained = nn.Sequential(layers[0], nn.LeakyReLU(LEAK), layers[1], nn.LeakyReLU(LEAK), layers[2])
    tensors = {
        f"net.{i}.{part}": getattr(layer, part).detach()
        for i, layer in enumerate(layers)
        for part in ("weight", "bias")
    }
    x = torch.randn(20, 7)
    assert Dense.of(tensors, "net")(x.numpy()) == pytest.approx(
        trained(x).detach().numpy(), abs=1e-5
    )
    with pytest.raises(KeyError):
        Dense.of(tensors, "other")


def test_windows_repeat_the_edges() -> None:
    found = windows(np.arange(4, dtype=np.float32)[:, None], (-1, 0, 2))
    assert found.tolist() == [[0, 0, 2], [0, 1, 3], [1, 2, 3], [2, 3, 3]]


def test_sliding_is_the_same_in_blocks() -> None:
    rng = np.random.default_rng(0)
    layers = ((rng.normal(size=(6, 3)).astype(np.float32), np.zeros(3, np.float32)),)
    values = rng.normal(size=(2 * BLOCK + 77, 2)).astype(np.float32)
    whole = Dense(layers)(windows(values, (-1, 0, 1)))
    assert slide(Dense(layers), values, (-1, 0, 1)) == pytest.approx(whole, abs=1e-5)
    assert slide(Dense(layers), values, (-1, 0, 1), 2) == pytest.approx(whole[::2], abs=1e-5)


def test_normalized_vectors_have_length_1_unless_there_is_none() -> None:
    found = normalize(np.array([[3, 4], [0, 0]], np.float32))
    assert found == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
