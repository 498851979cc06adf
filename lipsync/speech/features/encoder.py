"""What a speech recogniser's encoder makes of each step of sound.

The hidden states of a transformer that has heard many people and languages (assets/
encoder.safetensors, made by training.export.encoder). What is said stands in them more plainly
than in any spectrum, and who says it less. The network's front end is not ours to choose: 80
Slaney bands at 100 Hz; a state every 20 ms.

A sound is read in windows on a fixed grid, so that an hour needs no more memory than a minute.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from lipsync.runtime import checkpoint
from lipsync.speech.features.spec import ENCODED
from lipsync.speech.features.spectrum import (
    BINS,
    FFT,
    INT16,
    LOUD_PERCENTILE,
    PRE_EMPHASIS,
    stretching,
)
from lipsync.types import F32

ASSET = "encoder.safetensors"
BANDS = 80
STRIDE = 2  # steps of sound per state
WINDOW, CONTEXT = 300, 50  # steps whose states are kept, and those heard before and after them
PLACES = 400  # states, of 8 s, that the network knows the place of
PLACE = 100  # of a window's first state; training draws another for every voice
WIDEST = PLACES - (WINDOW + 2 * CONTEXT) // STRIDE  # place that leaves room for a window

# The network wants decimal logarithms of band energies of sound whose variance over 8 s is 1, moved
# and scaled. Speech with pauses has that where the bands of its loud steps have a mean of 10^LOUD;
# what lies FLOOR decades below is silence.
LOUD, FLOOR = 2.0, 5.3
LEAST = 1e-20
HANN, HAMMING = 150.0, 159.0  # energy of the network's own window and of ours
OWN_FFT = 400
SCALE = ".scale"  # of a matrix stored as bytes


class Encoder(nn.Module):
    """Convolutions and transformer layers from log mel bands to states (Radford et al. 2022)."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.narrow = nn.Conv1d(BANDS, width, 3, padding=1)
        self.halve = nn.Conv1d(width, width, 3, stride=STRIDE, padding=1)
        self.places = nn.Parameter(torch.zeros(PLACES, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )

    def forward(self, mel: torch.Tensor, place: int) -> torch.Tensor:
        """(b, n, 80) → (b, ceil(n / 2), width)."""
        gelu = nn.functional.gelu
        x = gelu(self.halve(gelu(self.narrow(mel.transpose(1, 2))))).transpose(1, 2)
        x = x + self.places[place : place + x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return x


@cache
def filters(stretch: float = 1.0) -> F32:
    """(257, 80): from our power spectrum to the network's band energies."""
    matrix = as_power_needs(_asset()[0]["filters"].numpy())
    return np.ascontiguousarray(matrix if stretch == 1.0 else stretching(stretch) @ matrix)


def as_power_needs(bank: F32) -> F32:
    """Filters of a plain power spectrum (257, 80), scaled for ours, which is pre-emphasised."""
    angles = 2 * np.pi * np.arange(BINS) / FFT
    emphasis = np.abs(1 - PRE_EMPHASIS * np.exp(-1j * angles)) ** 2
    # Our bins are finer and divided by their number.
    scale = FFT / INT16**2 * HANN / HAMMING * OWN_FFT / FFT
    return np.asarray(bank * (scale / emphasis[:, None]), np.float32)


def states(mel: F32, place: int = PLACE) -> F32:
    """(n, ENCODED) of every step, from (n, 80) band energies.

    Args:
        place: of every window's first state among those that the network knows, up to WIDEST.
    """
    loud = loudness(mel)
    found = np.empty((len(mel), ENCODED), np.float32)
    for first in range(0, len(mel), WINDOW):
        start = max(0, first - CONTEXT)
        x = _states(levelled(mel[start : first + WINDOW + CONTEXT], loud), place)
        found[first : first + WINDOW] = x[first - start : first - start + WINDOW]
    return found


def loudness(mel: F32) -> float:
    """Of a clip's loud steps, in decades."""
    return float(np.percentile(np.log10(mel.mean(1) + LEAST), LOUD_PERCENTILE))


def levelled(mel: F32, loud: float) -> F32:
    """(n, 80) what the network reads: logarithms freed of the clip's level."""
    log = mel + np.float32(10 ** (loud - FLOOR))
    np.log10(log, out=log)
    log += np.float32(LOUD + 4 - loud)
    log /= 4
    return log


@torch.inference_mode()
def _states(log: F32, place: int) -> F32:
    """(n, ENCODED) of one window, read between the states."""
    network, mean, directions = _network()
    x = (network(torch.from_numpy(log)[None], place)[0] - mean) @ directions
    between = torch.arange(len(log)) / STRIDE
    left = between.long().clamp(max=len(x) - 1)
    right = (left + 1).clamp(max=len(x) - 1)
    return np.asarray(torch.lerp(x[left], x[right], (between - left)[:, None]).numpy())


@cache
def _network() -> tuple[Encoder, torch.Tensor, torch.Tensor]:
    """The encoder, and the mean and the principal directions of its states."""
    tensors, meta = _asset()
    network = Encoder(**meta["dims"])
    names = network.state_dict().keys()
    network.load_state_dict({k: v for k, v in unpacked(tensors).items() if k in names})
    return network.eval(), tensors["mean"], tensors["directions"][:, :ENCODED]


@cache
def _asset() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return checkpoint.load(checkpoint.asset(ASSET))


def packed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Matrices as bytes with a scale for every row, to a quarter of the size."""
    result = {}
    for name, weight in weights.items():
        if weight.ndim < 2:
            result[name] = weight
            continue
        scale = weight.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
        shape = (-1, *[1] * (weight.ndim - 1))
        result[name] = (weight / scale.view(shape)).round().to(torch.int8)
        result[name + SCALE] = scale
    return result


def unpacked(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What `packed` was given, to half a step."""
    return {
        name: value.float() * stored[name + SCALE].view(-1, *[1] * (value.ndim - 1))
        if name + SCALE in stored
        else value
        for name, value in stored.items()
        if not name.endswith(SCALE)
    }
