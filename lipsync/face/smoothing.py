"""Zero-phase smoothing of signals over time (Savitzky–Golay), and filling their gaps."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lipsync.face.similarity import Complexes


def fill_gaps(signal: Complexes, known: NDArray[np.bool_]) -> Complexes:
    """Fill the unknown samples linearly from the known ones."""
    if known.all():
        return signal
    at, have = np.arange(len(signal)), np.flatnonzero(known)
    real = np.interp(at, have, signal.real[have])
    return np.asarray(real + 1j * np.interp(at, have, signal.imag[have]))


def smooth(signal: NDArray[np.complexfloating], radius: int) -> Complexes:
    """Zero-phase smoothing of (n, ...) along the first axis by a local quadratic (Savitzky–Golay).

    A straight or evenly accelerated motion passes unchanged. Ends use the same fit, off-centre.
    """
    window = min(2 * radius + 1, len(signal) - (len(signal) + 1) % 2)
    if window < 5:
        return np.asarray(signal, dtype=np.complex128)
    fit, half = _quadratic_fit(window), window // 2
    values = signal.astype(np.complex128).reshape(len(signal), -1)
    result = np.empty_like(values)
    result[:half], result[-half:] = fit[:half] @ values[:window], fit[-half:] @ values[-window:]
    # One sum of shifted signals: a shot is short, and calls cost more than what they do.
    result[half:-half] = sum(
        share * values[k : len(values) - window + 1 + k] for k, share in enumerate(fit[half])
    )
    return result.reshape(signal.shape)


@cache
def _quadratic_fit(window: int) -> NDArray[np.float64]:
    """Samples (window,) → the least-squares quadratic through them at their places."""
    powers = np.vander(np.linspace(-1, 1, window), 3)
    return np.asarray(powers @ np.linalg.pinv(powers))
