"""Sound → the features of a spec: entry points over the paper's, band and streaming features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lipsync.speech.features import encoder, phones, spectrum, vtln
from lipsync.speech.features.bands import BandEnergies, band_energies, normalize_log_mel
from lipsync.speech.features.paper import paper28
from lipsync.speech.features.spec import FeatureSpec
from lipsync.speech.features.spectrum import (
    FIRST_CENTER,
    STEPS_PER_SECOND,
    block_power_spectra,
    count_steps,
    emphasized_blocks,
)
from lipsync.speech.features.streaming import CausalBands, StreamingFeatureExtractor
from lipsync.types import F32, SPEECH_RATE, AudioFeatures, Waveform


def extract(wave: Waveform, spec: FeatureSpec, stretch: float | None = None) -> AudioFeatures:
    """Features of a 16 kHz sound.

    Args:
        stretch: from `stretch_of_voice`, where already known.

    Returns:
        AudioFeatures of shape (ceil((samples - 400) / 160) + 1, spec.size).

    Raises:
        ValueError: the sound is not at 16 kHz.
    """
    if wave.rate != SPEECH_RATE:
        raise ValueError(f"features.extract: wanted {SPEECH_RATE} Hz, got {wave.rate}")
    if spec.causal:
        values = StreamingFeatureExtractor(spec).extract(wave.samples)
    elif spec.kind == "paper28":
        values = paper28(wave.samples, spec)
    else:
        stretch = stretch_of_voice(wave.samples, spec) if stretch is None else stretch
        values = features_of_bands(_energies_of(wave.samples, spec, stretch), spec)
    return AudioFeatures(values, STEPS_PER_SECOND, FIRST_CENTER)


def _energies_of(samples: F32, spec: FeatureSpec, stretch: float) -> BandEnergies:
    """Energies of every step of a sound, computed in blocks."""
    n = count_steps(len(samples))
    energies = BandEnergies.empty(n, spec)
    blocks = emphasized_blocks(samples)
    for first, block in zip(range(0, n, spectrum.BLOCK), blocks, strict=True):
        here = slice(first, first + spectrum.BLOCK)
        computed = band_energies(block_power_spectra(block), spec, stretch)
        for whole, part in zip(energies, computed, strict=True):
            whole[here] = part
    return energies


def stretch_of_voice(samples: F32, spec: FeatureSpec) -> float:
    """The frequency factor that normalizes this voice's vocal tract; 1 if the spec has no VTLN."""
    return vtln.estimate_stretch(samples) if spec.throat else 1.0


def features_of_bands(
    energies: BandEnergies, spec: FeatureSpec, position: int = encoder.POSITION
) -> F32:
    """Features (n, spec.size) of a clip from its `band_energies`.

    Args:
        position: see `encoder.encode`.
    """
    if spec.causal:
        normalizer = CausalBands(spec)
        return np.concatenate([normalizer.push(energies), normalizer.finish()])
    makers: dict[str, Callable[[], F32]] = {
        "logmel": lambda: normalize_log_mel(np.log(energies.mel + 1e-3), spec),
        "phones": lambda: phones.posteriors(energies.phones),
        "encoder": lambda: encoder.encode(energies.encoder, position),
    }
    values = np.empty((len(energies.mel), spec.size), np.float32)
    for name, here in spec.parts.items():
        values[:, here] = makers[name]()
    return values
