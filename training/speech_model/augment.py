"""Augment voice, room and microphone of a recording; the lips stay valid.

The cepstrum splits each step's log power spectrum into an envelope (the vocal tract) and a fine
structure (the harmonics of the voice). Both are stretched along the frequency axis by separate
factors and recombined: another vocal tract length, another pitch. Then reverberation, microphone
response and noise are applied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import lfilter

from lipsync.speech import features
from lipsync.speech.features import BINS, NEPERS_PER_DB
from lipsync.types import F32, SPEECH_RATE

LIFTER = 40  # cepstral bins (of 16 kHz: 2.5 ms) that make up the envelope
ECHO_60_DB_S = (0.1, 0.6)  # reverberation times
ECHO_DB = (-15.0, -3.0)  # of the tail against the direct sound
TELEPHONE_HZ = (300.0, 3400.0)
MASK_BANDS, MASK_STEPS = 8, 15  # the widest, of 40 bands, and the longest mask
QUIETEST_NOISE_DB = 60.0  # below the loud steps


@dataclass(frozen=True)
class Augmentation:
    """Ranges that are drawn from for every voice; 1 or 0 switches an effect off."""

    voices: int = 0  # augmented voices per clip
    recorded: float = 0.1  # share of rows in the recorded voice
    formants_up: float = 1.0  # largest factor by which formants are raised
    formants_down: float = 1.0  # … and lowered
    pitch_up: float = 1.0  # largest factor by which pitch is raised
    pitch_down: float = 1.0  # … and lowered
    tilt_db: float = 0.0  # microphone response, standard deviation
    telephone: float = 0.0  # share of voices band-limited to 300–3400 Hz
    noise: float = 0.0  # share of voices with noise
    noise_db: float = 5.0  # lowest signal-to-noise ratio, relative to loud steps
    echo: float = 0.0  # share of voices in a room
    tempo: float = 1.0  # largest time-stretch factor of speech and lips, either way
    feature_noise: float = 0.0  # standard deviation, in units of each feature's own
    masks: int = 0  # masked spans of mel bands, and of time, per sequence
    early_ms: float = 0.0  # by which target lips lead the sound
    lead: float = 0.0  # extra opening before speech, opening ranges (`breath_augmentation`)
    tail: float = 0.0  # … and after it


def disguise_voice(spectrum: F32, ranges: Augmentation, rng: np.random.Generator) -> F32:
    """Change voice, room and microphone of a power spectrum (n, 257)."""
    log = np.log(spectrum + 0.01)
    envelope = log @ envelope_filter()
    formants = _log_uniform(1 / ranges.formants_down, ranges.formants_up, rng)
    pitch = formants * _log_uniform(1 / ranges.pitch_down, ranges.pitch_up, rng)
    changed = np.exp(
        stretch_frequency(envelope, formants, True)
        + stretch_frequency(log - envelope, pitch, False)
    )
    if rng.random() < ranges.echo:
        changed = _add_echo(changed, rng)
    changed *= np.exp(_microphone_response(ranges, rng))
    if rng.random() < ranges.noise:
        changed += _noise(changed, ranges, rng)
    return np.asarray(changed, dtype=np.float32)


def mask_features(
    values: F32, mean: F32, mel: slice, ranges: Augmentation, rng: np.random.Generator
) -> None:
    """Replace random spans of time of features (t, d), and of their mel bands, by the mean.

    SpecAugment (Park et al. 2019): the network must not depend on single bands or moments.
    """
    for _ in range(ranges.masks):
        width, length = (int(rng.integers(0, most + 1)) for most in (MASK_BANDS, MASK_STEPS))
        bands = mel.stop - mel.start
        band = mel.start + int(rng.integers(0, max(1, bands - width)))
        here = slice(band, min(band + width, mel.stop))
        values[:, here] = mean[here]
        step = int(rng.integers(0, max(1, len(values) - length)))
        values[step : step + length] = mean


def draw_tempos(n: int, ranges: Augmentation, rng: np.random.Generator) -> F32:
    """Draw n tempo factors; 1.2 is 1.2 times as fast."""
    reach = math.log(ranges.tempo)
    return np.exp(rng.uniform(-reach, reach, n)).astype(np.float32)


def stretch_frequency(log: F32, factor: float, hold: bool) -> F32:
    """Bin f of the result is bin f / factor; above the top hold the last bin, or 0."""
    source = np.arange(BINS) / factor
    left = np.minimum(source.astype(np.int64), BINS - 2)
    share = np.minimum(source - left, 1.0).astype(np.float32)
    result = log[:, left] * (1 - share) + log[:, left + 1] * share
    if not hold:
        result[:, source > BINS - 1] = 0
    return np.asarray(result)


@cache
def envelope_filter() -> F32:
    """Matrix (257, 257) that keeps the low quefrencies, with a raised-cosine fade-out."""
    mirrored = np.concatenate([np.arange(BINS), np.arange(BINS - 2, 0, -1)])
    quefrency = np.minimum(np.arange(features.FFT), features.FFT - np.arange(features.FFT))
    keep = np.where(quefrency < LIFTER, 0.5 + 0.5 * np.cos(np.pi * quefrency / LIFTER), 0.0)
    smooth = np.fft.ifft(np.fft.fft(np.eye(BINS)[:, mirrored], axis=1) * keep, axis=1).real
    return np.ascontiguousarray(smooth[:, :BINS], dtype=np.float32)


def _log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _add_echo(spectrum: F32, rng: np.random.Generator) -> F32:
    """Add an exponentially decaying reverberation tail, in power."""
    steps_60_db = _log_uniform(*ECHO_60_DB_S, rng) * features.STEPS_PER_SECOND
    decay = 10 ** (-6 / steps_60_db)
    gain = math.exp(NEPERS_PER_DB * rng.uniform(*ECHO_DB)) * (1 - decay) / decay
    # Tail at step t: Σ decay^k · sound(t − k), k ≥ 1.
    tail = lfilter([0, decay], [1, -decay], spectrum, axis=0)
    return np.asarray(spectrum + gain * tail, dtype=np.float32)


def _microphone_response(ranges: Augmentation, rng: np.random.Generator) -> F32:
    """Random smooth gain in nepers, (257,); sometimes band-limited like a telephone."""
    hertz = np.arange(BINS) * SPEECH_RATE / features.FFT
    place = np.log1p(hertz / 700) / np.log1p(8000 / 700)  # the mel scale, 0..1
    gain = sum(
        rng.normal(0, ranges.tilt_db / waves) * np.cos(np.pi * waves * place)
        for waves in range(1, 4)
    )
    if rng.random() < ranges.telephone:
        low, high = TELEPHONE_HZ
        gain = gain - 40.0 * ((hertz < low) | (hertz > high))
    return np.asarray(NEPERS_PER_DB * gain, dtype=np.float32)


def _noise(spectrum: F32, ranges: Augmentation, rng: np.random.Generator) -> F32:
    """Noise power (n, 257) with a random spectral tilt and slow level changes."""
    n = len(spectrum)
    loud = float(np.percentile(spectrum.mean(1), features.LOUD_PERCENTILE))
    below = rng.uniform(ranges.noise_db, QUIETEST_NOISE_DB)
    place = np.linspace(-1, 1, BINS)
    color = rng.normal(0, 6) * place + rng.normal(0, 4) * np.cos(2 * np.pi * place)
    swell = rng.normal(0, 3) * np.cos(2 * np.pi * (np.linspace(0, 2, n) + rng.random()))
    decibels = color[None] + swell[:, None] - below
    # A bin of Gaussian noise has exponentially distributed power.
    scatter = rng.standard_exponential((n, BINS), dtype=np.float32)
    return np.asarray(loud * np.exp(NEPERS_PER_DB * decibels) * scatter, dtype=np.float32)
