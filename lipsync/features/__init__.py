"""Sound → feature vectors at 100 Hz.

Two front ends: the paper's 28 values (13 cepstra, log energy, and their first difference;
METHOD.md §1), and log mel bands with phone posteriors, from which the default model is trained.
Both look through the same window: 25 ms Hamming every 10 ms, so step i is centred on
12.5 ms + i · 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray
from python_speech_features import sigproc
from python_speech_features.base import get_filterbanks
from scipy.fft import dct

from lipsync import checkpoint
from lipsync.types import F32, AudioFeatures, FeatureSpec, Waveform

Floats = NDArray[np.floating[Any]]

RATE = 16000  # Hz, of the sound
WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms
FFT = 512
BINS = FFT // 2 + 1
STEPS_PER_SECOND = RATE / HOP
FIRST_CENTRE = WINDOW / 2 / RATE  # seconds
PRE_EMPHASIS = 0.97
PAPER_LOW, PAPER_HIGH = 133, 6855  # Hz
CEPSTRA = 13
INT16 = 32768.0  # the paper's energy term needs samples of this scale

# Sound is read in blocks of this many steps, so that an hour needs no more memory than a minute.
BLOCK = 6000
NEPERS_PER_DB = np.log(10) / 10  # of power
AUDIBLE_DB = 30.0  # steps this far below the clip's loud ones do not tell how a voice sounds
LOUD_PERCENTILE = 95


def extract(wave: Waveform, spec: FeatureSpec) -> AudioFeatures:
    """Features of a 16 kHz sound.

    Returns:
        AudioFeatures of shape (ceil((samples - 400) / 160) + 1, spec.size).

    Raises:
        ValueError: the sound is not at 16 kHz.
    """
    if wave.rate != RATE:
        raise ValueError(f"features.extract: wanted {RATE} Hz, got {wave.rate}")
    if spec.causal:
        from lipsync.features.live import Live

        values = Live(spec).whole(wave.samples)
    elif spec.kind == "paper28":
        values = paper28(wave.samples, spec)
    else:
        steps = _steps(len(wave.samples))
        mel, phone_mel = (
            np.empty((steps, spec.bands), np.float32),
            np.empty((steps, PHONE_BANDS), np.float32),
        )
        for first, block in zip(range(0, steps, BLOCK), _blocks(wave.samples), strict=True):
            here = slice(first, first + BLOCK)
            mel[here], phone_mel[here] = bands(power_of(block), spec)
        values = of_bands(mel, phone_mel, spec)
    return AudioFeatures(values, STEPS_PER_SECOND, FIRST_CENTRE)


def _steps(samples: int) -> int:
    return 1 + max(0, -(-(samples - WINDOW) // HOP))


def _blocks(samples: F32) -> Iterator[F32]:
    """Pieces of pre-emphasised sound on the int16 scale, each of whole steps.

    Every piece overlaps its successor by the part of a window that reaches into it.
    """
    steps = _steps(len(samples))
    for first in range(0, steps, BLOCK):
        last = min(first + BLOCK, steps)
        start, end = first * HOP, (last - 1) * HOP + WINDOW
        piece = samples[max(0, start - 1) : end].astype(np.float64) * INT16
        emphasised = sigproc.preemphasis(piece, PRE_EMPHASIS)
        # The first sample of a piece needs its predecessor, which was read for that and now goes.
        yield emphasised if start == 0 else emphasised[1:]


def _frames(emphasised: Floats) -> NDArray[np.float64]:
    return np.asarray(sigproc.framesig(emphasised, WINDOW, HOP, winfunc=np.hamming))


def power(samples: F32) -> F32:
    """Power spectrum of every step, (n, 257), on the int16 scale."""
    return np.concatenate([power_of(block) for block in _blocks(samples)])


def power_of(emphasised: Floats) -> F32:
    return np.asarray(sigproc.powspec(_frames(emphasised), FFT), dtype=np.float32)


def paper28(samples: F32, spec: FeatureSpec) -> F32:
    """The paper's 28 values per step (METHOD.md §1)."""
    static = np.concatenate([paper14(block, spec.bands) for block in _blocks(samples)])
    values = np.concatenate([static, np.diff(static, axis=0, prepend=static[:1])], axis=1)
    if spec.per_clip:
        values -= values.mean(0)
    return np.asarray(values, dtype=np.float32)


def paper14(emphasised: Floats, filters: int) -> NDArray[np.float64]:
    frames = _frames(emphasised)
    mel = sigproc.powspec(frames, FFT) @ _paper_filters(filters)
    cepstra = dct(np.log(np.maximum(mel, 1e-3)), type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    energy = np.log(1 + np.mean(frames**2, axis=1, keepdims=True))
    return np.concatenate([cepstra, energy], axis=1)


@cache
def _paper_filters(count: int) -> NDArray[np.float64]:
    return np.asarray(get_filterbanks(count, FFT, RATE, PAPER_LOW, PAPER_HIGH).T)


@cache
def mel_filters(count: int, low: float = 60, high: float = 7600) -> F32:
    """(257, count): triangles of equal width on the mel scale."""
    bank = librosa.filters.mel(
        sr=RATE, n_fft=FFT, n_mels=count, fmin=low, fmax=high, htk=True, norm=None
    )
    return np.ascontiguousarray(bank.T, dtype=np.float32)


def bands(spectrum: F32, spec: FeatureSpec) -> tuple[F32, F32]:
    """Energies of a power spectrum (n, 257) in the two filter banks that `of_bands` needs.

    Returns:
        (n, spec.bands) and (n, 25).
    """
    return spectrum @ mel_filters(spec.bands), spectrum @ _phone_filters()


def of_bands(mel: F32, phone_mel: F32, spec: FeatureSpec) -> F32:
    """Features (n, spec.size) of a clip from what `bands` gives."""
    if spec.causal:
        from lipsync.features.live import CausalBands

        normal = CausalBands(spec)
        return np.concatenate([normal.push(mel, phone_mel), normal.finish()])
    values = np.empty((len(mel), spec.size), np.float32)
    values[:, : spec.bands] = level(np.log(mel + 1e-3), spec)
    if spec.kind == "logmel+phones":
        values[:, spec.bands :] = phones(phone_mel)
    return values


def level(logmel: F32, spec: FeatureSpec) -> F32:
    """Log mel bands (n, bands) freed of the clip's level and, per clip, of its colour.

    The loudness of a step is the mean of its bands' energies. What lies `floor_db` below the
    loud steps is raised to there, so that digital silence looks like a quiet room.
    """
    starts = range(0, len(logmel), BLOCK)
    loudness = np.concatenate([np.log(np.exp(logmel[i : i + BLOCK]).mean(1)) for i in starts])
    loud = np.percentile(loudness, LOUD_PERCENTILE)
    values = np.empty(logmel.shape, np.float32)
    for i in starts:
        block = np.logaddexp(logmel[i : i + BLOCK], loud - spec.floor_db * NEPERS_PER_DB)
        values[i : i + BLOCK] = block - loud
    if spec.per_clip:
        audible = (loudness > loud - AUDIBLE_DB * NEPERS_PER_DB)[:, None]
        values -= values.mean(0, dtype=np.float64, where=audible)
    return values


# --- phones ----------------------------------------------------------------------------------
# How likely a step is under the Gaussian mixtures of each phone of an acoustic model that was
# trained on many speakers (CMU Sphinx, US English; assets/phones.safetensors, made by
# training.phones). Its front end is not ours to choose: 25 bands, 13 liftered cepstra less
# their mean, and two differences of them. Measured: a linear map from these posteriors to lips
# carries over to other people far better than one from any spectrum.

PHONES = 42
PHONE_BANDS, PHONE_LOW, PHONE_HIGH = 25, 130, 6800  # Hz
LIFTER = 22
# Steps are not independent and the mixtures too sure of themselves; the usual remedy is to
# scale the logarithms down. 0.2–0.5 measure alike.
ACOUSTIC_SCALE = 0.3
PHONE_REACH = 3  # steps on either side that the differences look at
PHONE_BLOCK = 500  # steps whose 42 · 128 densities are in memory at once


@cache
def _phone_filters() -> F32:
    return mel_filters(PHONE_BANDS, PHONE_LOW, PHONE_HIGH)


@cache
def _mixtures() -> tuple[F32, F32]:
    """Gaussians as (3, 27, 42 · 128) coefficients of [x², x, 1]; (3, 42, 128, 3) state weights."""
    tensors, _ = checkpoint.load(checkpoint.asset("phones.safetensors"))
    mean, variance = (tensors[k].double().numpy() for k in ("means", "variances"))
    constant = -0.5 * (mean**2 / variance + np.log(2 * np.pi * variance)).sum(-1, keepdims=True)
    terms = np.concatenate([-0.5 / variance, mean / variance, constant], axis=-1)
    coefficients = np.moveaxis(terms, 1, 0).reshape(3, PHONES * 128, 27).swapaxes(1, 2)
    return np.ascontiguousarray(coefficients, np.float32), tensors["weights"].float().numpy()


def phones(phone_mel: F32) -> F32:
    """(n, 42) posteriors of the phones, each step by itself, from (n, 25) band energies."""
    cepstra = liftered(np.log(phone_mel + 1e-4))
    cepstra -= cepstra.mean(0)
    padded = np.pad(cepstra, ((PHONE_REACH, PHONE_REACH), (0, 0)), mode="edge")
    posteriors = np.empty((len(cepstra), PHONES), np.float32)
    for i in range(0, len(cepstra), BLOCK):
        posteriors[i : i + BLOCK] = phones_of(padded[i : i + BLOCK + 2 * PHONE_REACH])
    return posteriors


def liftered(log: Floats) -> Floats:
    lift = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    return np.asarray(dct(log, type=2, axis=1, norm="ortho")[:, :CEPSTRA] * lift)


def phones_of(cepstra: Floats) -> F32:
    """Posteriors of all but the first and last three of (n + 6, 13) centred cepstra."""
    n = len(cepstra) - 2 * PHONE_REACH
    ahead = {k: cepstra[3 + k : 3 + k + n] for k in range(-3, 4)}
    slope = ahead[2] - ahead[-2]
    bend = (ahead[3] - ahead[-1]) - (ahead[1] - ahead[-3])
    streams = np.stack([ahead[0], slope, bend]).astype(np.float32)
    pieces = [_posteriors(streams[:, i : i + PHONE_BLOCK]) for i in range(0, n, PHONE_BLOCK)]
    return np.concatenate(pieces)


def _posteriors(streams: F32) -> F32:
    """(3, n, 13) cepstra and their differences → (n, 42)."""
    coefficients, weights = _mixtures()
    n = streams.shape[1]
    score = np.zeros((PHONES, n, 3), np.float32)  # of the three states of each phone
    for x, terms, mix in zip(streams, coefficients, weights, strict=True):
        density = np.concatenate([x * x, x, np.ones((n, 1), np.float32)], axis=1) @ terms
        density = density.reshape(n, PHONES, 128)
        best = density.max(-1, keepdims=True)
        density -= best
        likely = np.matmul(np.exp(density, out=density).swapaxes(0, 1), mix)
        score += np.log(likely + 1e-30) + best.swapaxes(0, 1)
    total = np.logaddexp.reduce(ACOUSTIC_SCALE * score, axis=2).T
    total -= total.max(1, keepdims=True)
    share = np.exp(total)
    return np.asarray(share / share.sum(1, keepdims=True))
