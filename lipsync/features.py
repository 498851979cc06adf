"""Sound → feature vectors at 100 Hz.

Two front ends: the paper's 28 values (13 cepstra, log energy, and their first difference;
METHOD.md §1), and log mel bands, from which the default model is trained. Both look through the
same window: 25 ms Hamming every 10 ms, so step i is centred on 12.5 ms + i · 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import librosa
import numpy as np
from python_speech_features import sigproc
from python_speech_features.base import get_filterbanks
from scipy.fft import dct

from lipsync.types import F32, AudioFeatures, FeatureSpec, Waveform

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
    make = paper28 if spec.kind == "paper28" else _raw_logmel
    values = np.concatenate([make(block, spec) for block in _blocks(wave.samples)])
    if spec.kind == "logmel":
        values = level(values, spec)
    else:
        # The difference is one-sided and crosses the borders of the blocks.
        static = values[:, :14]
        values = np.concatenate([static, np.diff(static, axis=0, prepend=static[:1])], axis=1)
        if spec.per_clip:
            values = values - values.mean(0)
    return AudioFeatures(values.astype(np.float32), STEPS_PER_SECOND, FIRST_CENTRE)


def power(samples: F32) -> F32:
    """Power spectrum of every step, (n, 257), on the int16 scale."""
    return np.concatenate([_power(block) for block in _blocks(samples)])


def _blocks(samples: F32) -> Iterator[F32]:
    """Pieces of pre-emphasised sound on the int16 scale, each of whole steps.

    Every piece overlaps its successor by the part of a window that reaches into it.
    """
    steps = 1 + max(0, -(-(len(samples) - WINDOW) // HOP))
    for first in range(0, steps, BLOCK):
        last = min(first + BLOCK, steps)
        start, end = first * HOP, (last - 1) * HOP + WINDOW
        piece = samples[max(0, start - 1) : end].astype(np.float64) * INT16
        emphasised = sigproc.preemphasis(piece, PRE_EMPHASIS)
        # The first sample of a piece needs its predecessor, which was read for that and now goes.
        yield emphasised if start == 0 else emphasised[1:]


def _power(emphasised: F32) -> F32:
    frames = sigproc.framesig(emphasised, WINDOW, HOP, winfunc=np.hamming)
    return np.asarray(sigproc.powspec(frames, FFT), dtype=np.float32)


def paper28(emphasised: F32, spec: FeatureSpec) -> F32:
    """The 14 static values of the paper's front end: 13 cepstra and the log mean energy."""
    frames = sigproc.framesig(emphasised, WINDOW, HOP, winfunc=np.hamming)
    mel = sigproc.powspec(frames, FFT) @ _paper_filters(spec.bands)
    cepstra = dct(np.log(np.maximum(mel, 1e-3)), type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    energy = np.log(1 + np.mean(frames**2, axis=1, keepdims=True))
    return np.concatenate([cepstra, energy], axis=1)


@cache
def _paper_filters(bands: int) -> F32:
    filters = get_filterbanks(bands, FFT, RATE, PAPER_LOW, PAPER_HIGH)
    return np.asarray(filters.T)


@cache
def mel_filters(bands: int) -> F32:
    """(257, bands): triangles of equal width on the mel scale from 60 Hz to 7600 Hz."""
    bank = librosa.filters.mel(
        sr=RATE, n_fft=FFT, n_mels=bands, fmin=60, fmax=7600, htk=True, norm=None
    )
    return np.ascontiguousarray(bank.T, dtype=np.float32)


def _raw_logmel(emphasised: F32, spec: FeatureSpec) -> F32:
    return np.asarray(np.log(_power(emphasised) @ mel_filters(spec.bands) + 1e-3))


def level(logmel: F32, spec: FeatureSpec) -> F32:
    """Log mel bands (n, bands) freed of the clip's level and, per clip, of its colour.

    The loudness of a step is the mean of its bands' energies. What lies `floor_db` below the
    loud steps is raised to there, so that digital silence looks like a quiet room.
    """
    loudness = np.log(np.exp(logmel).mean(1))
    loud = np.percentile(loudness, LOUD_PERCENTILE)
    nepers_per_db = np.log(10) / 10  # of power
    floor = loud - spec.floor_db * nepers_per_db
    values = np.logaddexp(logmel, floor) - loud
    if spec.per_clip:
        audible = loudness > loud - AUDIBLE_DB * nepers_per_db
        values = values - values[audible].mean(0)
    return np.asarray(values, dtype=np.float32)
