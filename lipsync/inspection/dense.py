"""Small networks of matrix products, run without a framework: importing one takes longer than they.

Symbols: b inputs read together, m samples in time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.types import F32

BLOCK = 1024  # windows read together
LEAK = 0.1  # slope of a unit below zero


@dataclass(frozen=True, eq=False)
class Dense:
    """Layers of matrix products with leaky units between them."""

    layers: tuple[tuple[F32, F32], ...]  # (in, out) weights, (out,) biases

    @staticmethod
    def of(tensors: Mapping[str, Any], name: str) -> Dense:
        """From tensors `name.0.weight` (out, in), `name.0.bias`, `name.1.weight`, …

        Raises:
            KeyError: there is no such network among them.
        """
        count = len([key for key in tensors if key.startswith(f"{name}.")]) // 2
        if not count:
            raise KeyError(name)
        pairs = []
        for i in range(count):
            weight, bias = (
                tensors[f"{name}.{i}.{part}"].float().numpy() for part in ("weight", "bias")
            )
            pairs.append((np.ascontiguousarray(weight.T), bias))
        return Dense(tuple(pairs))

    def __call__(self, x: F32) -> F32:
        """(b, in) → (b, out)."""
        for i, (weight, bias) in enumerate(self.layers):
            if i:
                x = leaky(x)
            x = x @ weight + bias
        return np.asarray(x, np.float32)


def leaky(x: F32) -> F32:
    """What a layer's units pass on."""
    return np.asarray(np.where(x > 0, x, np.float32(LEAK) * x), np.float32)


def windows(values: F32, offsets: Sequence[int], at: NDArray[np.int64] | None = None) -> F32:
    """Samples (m, d) around each moment, (m, len(offsets) · d); edges are repeated.

    Args:
        at: the moments; None: all samples.
    """
    at = np.arange(len(values)) if at is None else at
    picked = values[np.clip(at[:, None] + np.asarray(offsets), 0, len(values) - 1)]
    return np.asarray(picked.reshape(len(at), -1), np.float32)


def slide(network: Dense, values: F32, offsets: Sequence[int], step: int = 1) -> F32:
    """A network's outputs (ceil(m / step), out) for the windows of samples (m, d), in blocks.

    All windows of an hour at once would be gigabytes.
    """
    moments = np.arange(0, len(values), step)
    blocks = [moments[i : i + BLOCK] for i in range(0, len(moments), BLOCK)]
    return np.concatenate([network(windows(values, offsets, block)) for block in blocks])


def normalize(vectors: F32) -> F32:
    """Vectors (m, d) of length 1."""
    length: NDArray[np.floating] = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9), np.float32)
