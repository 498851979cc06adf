"""Hidden states of a speech recognizer's encoder for each step of sound.

A transformer trained on many people and languages (assets/encoder.safetensors, made by
training.export.encoder): its states carry more of what is said than any spectrum, and less of who
says it. The network fixes the front end: 80 Slaney bands at 100 Hz; one state every 20 ms.

A sound is read in windows on a fixed grid, so that an hour needs no more memory than a minute. A
state also tells where in its window it is: an offset for each position, which is subtracted
(training.export.encoder prints its share of the variance).
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
    stretch_matrix,
)
from lipsync.types import F32

ASSET = "encoder.safetensors"
BANDS = 80
STRIDE = 2  # steps of sound per state
WINDOW, CONTEXT = 300, 50  # steps whose states are kept, and steps of context on either side
POSITIONS = 400  # states (8 s) for which the network has a positional embedding
POSITION = 100  # of a window's first state; training draws another for every voice
LAST_POSITION = POSITIONS - (WINDOW + 2 * CONTEXT) // STRIDE  # that leaves room for a window

# The network expects decimal logarithms, shifted and scaled, of band energies of sound with
# variance 1 over 8 s. Speech with pauses has that variance when the bands of its loud steps have a
# mean of 10^LOUD; FLOOR decades below is silence.
LOUD, FLOOR = 2.0, 5.3
LEAST = 1e-20
HANN, HAMMING = 150.0, 159.0  # energy of the network's window and of ours
OWN_FFT = 400
SCALE = ".scale"  # suffix: the scales of a matrix stored as bytes


class Encoder(nn.Module):
    """Convolutions and transformer layers from log mel bands to states (Radford et al. 2022)."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        # The attributes' names are those of the weights in the asset.
        self.narrow = nn.Conv1d(BANDS, width, 3, padding=1)
        self.halve = nn.Conv1d(width, width, 3, stride=STRIDE, padding=1)
        self.places = nn.Parameter(torch.zeros(POSITIONS, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )

    def forward(self, mel: torch.Tensor, position: int, layers: int | None = None) -> torch.Tensor:
        """(b, n, 80) → (b, ceil(n / 2), width), after the first `layers` (None: all)."""
        gelu = nn.functional.gelu
        x = gelu(self.halve(gelu(self.narrow(mel.transpose(1, 2))))).transpose(1, 2)
        x = x + self.places[position : position + x.shape[1]]
        for layer in self.layers[:layers]:
            x = layer(x)
        return x


@cache
def filters(stretch: float = 1.0) -> F32:
    """(257, 80): filters from our power spectrum to the network's band energies."""
    matrix = rescale_filters(_load_asset()[0]["filters"].numpy())
    return np.ascontiguousarray(matrix if stretch == 1.0 else stretch_matrix(stretch) @ matrix)


def rescale_filters(bank: F32) -> F32:
    """Scale filters (257, 80) of a plain power spectrum for ours, which is pre-emphasized."""
    angles = 2 * np.pi * np.arange(BINS) / FFT
    emphasis = np.abs(1 - PRE_EMPHASIS * np.exp(-1j * angles)) ** 2
    # Our FFT is longer, and our spectrum is divided by its length.
    scale = FFT / INT16**2 * HANN / HAMMING * OWN_FFT / FFT
    return np.asarray(bank * (scale / emphasis[:, None]), np.float32)


def encode(mel: F32, position: int = POSITION) -> F32:
    """(n, ENCODED) values of every step, from (n, 80) band energies.

    Args:
        position: index of the positional embedding of every window's first state, up to
            LAST_POSITION.
    """
    loud = loud_level(mel)
    found = np.empty((len(mel), ENCODED), np.float32)
    for first in range(0, len(mel), WINDOW):
        start = max(0, first - CONTEXT)
        x = _encode_window(normalize_level(mel[start : first + WINDOW + CONTEXT], loud), position)
        found[first : first + WINDOW] = x[first - start : first - start + WINDOW]
    return found


def loud_level(mel: F32) -> float:
    """Loudness of a clip's loud steps, in decades."""
    return float(np.percentile(np.log10(mel.mean(1) + LEAST), LOUD_PERCENTILE))


def normalize_level(mel: F32, loud: float) -> F32:
    """The network's input (n, 80): logarithms relative to the clip's level."""
    log = mel + np.float32(10 ** (loud - FLOOR))
    np.log10(log, out=log)
    log += np.float32(LOUD + 4 - loud)
    log /= 4
    return log


@torch.inference_mode()
def _encode_window(log: F32, position: int) -> F32:
    """(n, ENCODED) of one window, interpolated between the states."""
    network, places, directions = load_network()
    states = network(torch.from_numpy(log)[None], position)[0]
    x = (states - places[position : position + len(states)]) @ directions
    between = torch.arange(len(log)) / STRIDE
    left = between.long().clamp(max=len(x) - 1)
    right = (left + 1).clamp(max=len(x) - 1)
    return np.asarray(torch.lerp(x[left], x[right], (between - left)[:, None]).numpy())


@cache
def load_network() -> tuple[Encoder, torch.Tensor, torch.Tensor]:
    """The encoder, the mean state at every position, and the principal directions of the states."""
    tensors, meta = _load_asset()
    network = Encoder(**meta["dims"])
    names = network.state_dict().keys()
    network.load_state_dict({k: v for k, v in dequantize(tensors).items() if k in names})
    return network.eval(), tensors["mean_states"].float(), tensors["directions"][:, :ENCODED]


@cache
def _load_asset() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return checkpoint.load(checkpoint.asset_path(ASSET))


def quantize(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Store matrices as bytes with a scale for every row, at a quarter of the size."""
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


def dequantize(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Undo `quantize`, to half a quantization step."""
    return {
        name: value.float() * stored[name + SCALE].view(-1, *[1] * (value.ndim - 1))
        if name + SCALE in stored
        else value
        for name, value in stored.items()
        if not name.endswith(SCALE)
    }
