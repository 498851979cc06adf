"""Runs of flags, and per-frame values sampled at positions between frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def runs_of_true(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(first, end) of every run of true flags."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def sample_at(values: NDArray[Any], position: NDArray[Any] | int | float) -> NDArray[Any]:
    """Interpolate per-frame values (m, ...) linearly at fractional positions (...).

    Flags are set where both neighbors are. The picture at such a position is interpolated from the
    same two frames, see `Timing`.
    """
    first = np.floor(position).astype(np.int64)
    share = np.asarray(position - first)
    if not share.any():
        return np.asarray(values[first])
    low, high = values[first], values[np.ceil(position).astype(np.int64)]
    if values.dtype == np.bool_:
        return np.asarray(low & high)
    share = share.reshape(share.shape + (1,) * (values.ndim - 1))
    return np.asarray(low + share * (high - low)).astype(values.dtype)


def frames_of(seconds: float, rates: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many frames are nearest to a time span, at each of these rates (per second)."""
    return np.asarray(np.rint(seconds * rates), np.int64)
