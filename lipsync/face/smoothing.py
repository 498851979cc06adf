"""Zero-phase smoothing of signals over time (Savitzky–Golay), and gap filling."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lipsync.face.similarity import Complexes, to_complex
from lipsync.types import F32, FaceTrack


def fill_gaps(signal: Complexes, known: NDArray[np.bool_]) -> Complexes:
    """Fill unknown samples (n,) by linear interpolation between known ones."""
    if known.all():
        return signal
    at, have = np.arange(len(signal)), np.flatnonzero(known)
    real = np.interp(at, have, signal.real[have])
    return np.asarray(real + 1j * np.interp(at, have, signal.imag[have]))


def smooth(signal: NDArray[np.complexfloating], radius: int) -> Complexes:
    """Zero-phase smoothing of (n, ...) along the first axis by a local quadratic (Savitzky–Golay).

    Uniform and uniformly accelerated motion passes unchanged. Ends use the same fit, off-center.

    Args:
        radius: samples on each side; windows under 5 samples leave the signal unchanged.
    """
    window = min(2 * radius + 1, len(signal) - (len(signal) + 1) % 2)
    if window < 5:
        return np.asarray(signal, dtype=np.complex128)
    fit, half = _quadratic_fit(window), window // 2
    values = signal.astype(np.complex128).reshape(len(signal), -1)
    result = np.empty_like(values)
    result[:half], result[-half:] = fit[:half] @ values[:window], fit[-half:] @ values[-window:]
    # A sum of shifted signals: shots are short, and call overhead dominates.
    result[half:-half] = sum(
        share * values[k : len(values) - window + 1 + k] for k, share in enumerate(fit[half])
    )
    return result.reshape(signal.shape)


@cache
def _quadratic_fit(window: int) -> NDArray[np.float64]:
    """Matrix (window, window) from samples to their least-squares quadratic at the same places."""
    powers = np.vander(np.linspace(-1, 1, window), 3)
    return np.asarray(powers @ np.linalg.pinv(powers))


def smooth_points(track: FaceTrack, indices: Sequence[int], smoothing_s: float = 0.12) -> F32:
    """Smooth chosen landmarks within each shot, (n, len(indices), 2) frame pixels.

    Frames without a face are interpolated from their shot; shots without any face stay NaN.
    """
    z = to_complex(track.xy[:, list(indices)])
    for first, end in track.shots():
        radius = round(smoothing_s * float(track.rates[first]))
        known = track.found[first:end]
        if known.any():
            for column in range(z.shape[1]):
                z[first:end, column] = fill_gaps(z[first:end, column], known)
            z[first:end] = smooth(z[first:end], radius)
    return np.stack([z.real, z.imag], axis=-1).astype(np.float32)
