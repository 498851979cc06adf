"""Sound → feature vectors: the paper's cepstra, and log mel bands with what is heard in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from python_speech_features import sigproc
from python_speech_features.base import get_filterbanks
from scipy.fft import dct

from lipsync.speech.features import encoder, phones, spectrum, vtln
from lipsync.speech.features.phones import CEPSTRA
from lipsync.speech.features.spec import FeatureSpec
from lipsync.speech.features.spectrum import (
    BINS,
    FFT,
    FIRST_CENTRE,
    LOUD_PERCENTILE,
    NEPERS_PER_DB,
    RATE,
    STEPS_PER_SECOND,
    Floats,
    blocks,
    mel_filters,
    power_of,
    steps,
    windows,
)
from lipsync.types import F32, AudioFeatures, Waveform

PAPER_LOW, PAPER_HIGH = 133, 6855  # Hz
AUDIBLE_DB = 30.0  # steps this far below the clip's loud ones do not tell how a voice sounds


def extract(wave: Waveform, spec: FeatureSpec, stretch: float | None = None) -> AudioFeatures:
    """Features of a 16 kHz sound.

    Args:
        stretch: from `throat_of`, where it is known already.

    Returns:
        AudioFeatures of shape (ceil((samples - 400) / 160) + 1, spec.size).

    Raises:
        ValueError: the sound is not at 16 kHz.
    """
    if wave.rate != RATE:
        raise ValueError(f"features.extract: wanted {RATE} Hz, got {wave.rate}")
    if spec.causal:
        from lipsync.speech.features.streaming import Live

        values = Live(spec).whole(wave.samples)
    elif spec.kind == "paper28":
        values = paper28(wave.samples, spec)
    else:
        n = steps(len(wave.samples))
        stretch = throat_of(wave.samples, spec) if stretch is None else stretch
        energies = Bands.empty(n, spec)
        for first, block in zip(range(0, n, spectrum.BLOCK), blocks(wave.samples), strict=True):
            here = slice(first, first + spectrum.BLOCK)
            for whole, part in zip(energies, bands(power_of(block), spec, stretch), strict=True):
                whole[here] = part
        values = of_bands(energies, spec)
    return AudioFeatures(values, STEPS_PER_SECOND, FIRST_CENTRE)


def throat_of(samples: F32, spec: FeatureSpec) -> float:
    """What `bands` multiplies the frequencies of this sound by; 1 where the spec says so."""
    return vtln.stretch(samples) if spec.throat else 1.0


def paper28(samples: F32, spec: FeatureSpec) -> F32:
    """The paper's 28 values per step (METHOD.md §1)."""
    static = np.concatenate([paper14(block, spec.bands) for block in blocks(samples)])
    values = np.concatenate([static, np.diff(static, axis=0, prepend=static[:1])], axis=1)
    if spec.per_clip:
        values -= values.mean(0)
    return np.asarray(values, dtype=np.float32)


def paper14(emphasised: Floats, filters: int) -> NDArray[np.float64]:
    """The paper's 13 cepstra and log energy of a piece of pre-emphasised sound, (n, 14)."""
    frames = windows(emphasised)
    mel = sigproc.powspec(frames, FFT) @ _paper_filters(filters)
    cepstra = dct(np.log(np.maximum(mel, 1e-3)), type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    energy = np.log(1 + np.mean(frames**2, axis=1, keepdims=True))
    return np.concatenate([cepstra, energy], axis=1)


@cache
def _paper_filters(count: int) -> NDArray[np.float64]:
    return np.asarray(get_filterbanks(count, FFT, RATE, PAPER_LOW, PAPER_HIGH).T)


class Bands(NamedTuple):
    """Energies of n steps in every filter bank that `of_bands` needs; (n, 0) where it does not."""

    mel: F32  # (n, spec.bands)
    phones: F32  # (n, 25)
    encoder: F32  # (n, 80)

    @staticmethod
    def empty(n: int, spec: FeatureSpec) -> Bands:
        """Room for so many steps."""
        return Bands(*(np.empty((n, bank.shape[1]), np.float32) for bank in _banks(spec, 1.0)))


def bands(power: F32, spec: FeatureSpec, stretch: float = 1.0) -> Bands:
    """Energies of power spectra (n, 257).

    Args:
        stretch: from `throat_of`.
    """
    return Bands(*(power @ bank for bank in _banks(spec, stretch)))


def _banks(spec: FeatureSpec, stretch: float) -> Iterator[F32]:
    makers: dict[str, Callable[[], F32]] = {
        "logmel": lambda: mel_filters(spec.bands, stretch=stretch),
        "phones": lambda: phones.filters(stretch),
        "encoder": lambda: encoder.filters(stretch),
    }
    for name, make in makers.items():
        yield make() if name in spec.parts else np.zeros((BINS, 0), np.float32)


def of_bands(energies: Bands, spec: FeatureSpec, place: int = encoder.PLACE) -> F32:
    """Features (n, spec.size) of a clip from what `bands` gives.

    Args:
        place: of `encoder.states`.
    """
    if spec.causal:
        from lipsync.speech.features.streaming import CausalBands

        normal = CausalBands(spec)
        return np.concatenate([normal.push(energies), normal.finish()])
    made: dict[str, Callable[[], F32]] = {
        "logmel": lambda: level(np.log(energies.mel + 1e-3), spec),
        "phones": lambda: phones.posteriors(energies.phones),
        "encoder": lambda: encoder.states(energies.encoder, place),
    }
    values = np.empty((len(energies.mel), spec.size), np.float32)
    for name, here in spec.parts.items():
        values[:, here] = made[name]()
    return values


def level(logmel: F32, spec: FeatureSpec) -> F32:
    """Log mel bands (n, bands) freed of the clip's level and, per clip, of its colour.

    The loudness of a step is the mean of its bands' energies. What lies `floor_db` below the
    loud steps is raised to there, so that digital silence looks like a quiet room.
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
