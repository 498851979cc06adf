"""Energies in the filter banks of all features that are made from power spectra.

Log mel bands, phone posteriors and encoder states each have a filter bank of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from lipsync.speech.features import encoder, phones, spectrum
from lipsync.speech.features.spec import FeatureSpec
from lipsync.speech.features.spectrum import BINS, LOUD_PERCENTILE, NEPERS_PER_DB, mel_filters
from lipsync.types import F32

AUDIBLE_DB = 30.0  # steps this far below the clip's loud ones do not count in its mean spectrum


class BandEnergies(NamedTuple):
    """Energies of n steps in every filter bank that a spec needs; (n, 0) in the others."""

    mel: F32  # (n, spec.bands)
    phones: F32  # (n, 25)
    encoder: F32  # (n, 80)

    @staticmethod
    def empty(n: int, spec: FeatureSpec) -> BandEnergies:
        """Uninitialized arrays for n steps."""
        sizes = (bank.shape[1] for bank in _filter_banks(spec, 1.0))
        return BandEnergies(*(np.empty((n, size), np.float32) for size in sizes))


def band_energies(power: F32, spec: FeatureSpec, stretch: float = 1.0) -> BandEnergies:
    """Energies of power spectra (n, 257).

    Args:
        stretch: factor of the frequencies, from `stretch_of_voice`.
    """
    return BandEnergies(*(power @ bank for bank in _filter_banks(spec, stretch)))


def _filter_banks(spec: FeatureSpec, stretch: float) -> Iterator[F32]:
    makers: dict[str, Callable[[], F32]] = {
        "logmel": lambda: mel_filters(spec.bands, stretch=stretch),
        "phones": lambda: phones.filters(stretch),
        "encoder": lambda: encoder.filters(stretch),
    }
    for name, make in makers.items():
        yield make() if name in spec.parts else np.zeros((BINS, 0), np.float32)


def normalize_log_mel(logmel: F32, spec: FeatureSpec) -> F32:
    """Subtract the clip's level from log mel bands (n, bands) and, per clip, its mean spectrum.

    The loudness of a step is the mean of its bands' energies. Whatever lies more than `floor_db`
    below the loud steps is raised to that floor, so that digital silence looks like a quiet room.
    """
    size = spectrum.BLOCK
    starts = range(0, len(logmel), size)
    loudness = np.concatenate([np.log(np.exp(logmel[i : i + size]).mean(1)) for i in starts])
    loud = np.percentile(loudness, LOUD_PERCENTILE)
    values = np.empty(logmel.shape, np.float32)
    for i in starts:
        block = np.logaddexp(logmel[i : i + size], loud - spec.floor_db * NEPERS_PER_DB)
        values[i : i + size] = block - loud
    if spec.per_clip:
        audible = (loudness > loud - AUDIBLE_DB * NEPERS_PER_DB)[:, None]
        values -= values.mean(0, dtype=np.float64, where=audible)
    return values
