"""Any file's sound → the speech model's input: 16 kHz, mono, at a standard level."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import AudioError
from lipsync.types import F32, SPEECH_RATE, Waveform

SHORTEST_S = 0.2
LEVEL = 0.05  # RMS of the standard level: −26 dB of full scale
BLOCK = 1 << 20  # samples processed at a time: an hour of sound is held in memory only once
SILENCE = 1e-4  # peak below which the sound counts as silent: −80 dB, three steps of 16 bits


def load_speech(path: str | os.PathLike[str], start_offset: Fraction = Fraction(0)) -> Waveform:
    """Load a file's sound as 16 kHz mono, without offset, at the standard level.

    Args:
        start_offset: seconds of the file before sample 0, see `media.sound_start_offset`.

    Raises:
        MediaError: the file is missing or unreadable.
        AudioError: no sound in it, shorter than 0.2 s, or silent throughout.
    """
    wave = media.read_audio(path, SPEECH_RATE, start_offset)
    standardize_in_place(wave, str(Path(path)))  # it may be hours: no second copy
    return wave


def standardize(wave: Waveform, name: str = "audio") -> Waveform:
    """Return a copy without NaN and offset, scaled to the standard level.

    The level is the RMS over the whole sound, as in the paper; the gain is lower where a peak
    would clip.

    Args:
        name: of the sound, for error messages.

    Raises:
        AudioError: shorter than 0.2 s, or silent throughout.
    """
    copy = Waveform(wave.samples.copy(), wave.rate)
    standardize_in_place(copy, name)
    return copy


def standardize_in_place(wave: Waveform, name: str) -> None:
    """`standardize` without the copy: overwrites the samples of `wave`.

    Raises:
        AudioError: shorter than 0.2 s, or silent throughout.
    """
    samples, rate = wave.samples, wave.rate
    if len(samples) < SHORTEST_S * rate:
        raise AudioError(
            f"{name}: {len(samples) / rate:.2f} s of sound; at least {SHORTEST_S} s is needed"
        )
    blocks = [samples[first : first + BLOCK] for first in range(0, len(samples), BLOCK)]
    for block in blocks:
        np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(block, -1, 1, out=block)
    offset = np.float32(sum(float(block.sum(dtype=np.float64)) for block in blocks) / len(samples))
    for block in blocks:
        block -= offset
    peak = max(float(np.abs(block).max()) for block in blocks)
    if peak < SILENCE:
        raise AudioError(f"{name}: silent throughout; give a file in which somebody speaks")
    power = sum(_energy(block) for block in blocks) / len(samples)
    gain = np.float32(min(LEVEL / power**0.5, 1 / peak))
    for block in blocks:
        block *= gain


def _energy(block: F32) -> float:
    return float(np.square(block, dtype=np.float64).sum())
