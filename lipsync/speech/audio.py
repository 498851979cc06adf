"""Any file's sound → what the speech model listens to: 16 kHz, mono, at a standard level."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import AudioError
from lipsync.types import F32, Waveform

RATE = 16000  # Hz
SHORTEST_S = 0.2
LEVEL = 0.05  # RMS of the standard level: −26 dB of full scale
BLOCK = 1 << 20  # samples that are worked on at once: an hour of sound is copied only once
SILENCE = 1e-4  # peak below which nothing is there: −80 dB, three steps of 16-bit sound


def load(path: str | os.PathLike[str], skipped: Fraction = Fraction(0)) -> Waveform:
    """The sound of a file as 16 kHz mono without offset, at the standard level.

    Args:
        skipped: seconds of the file before sample 0, see `media.sound_skipped`.

    Raises:
        MediaError: the file is missing or unreadable.
        AudioError: no sound in it, shorter than 0.2 s, or silence throughout.
    """
    wave = media.read_audio(path, RATE, skipped)
    _standardise(wave.samples, wave.rate, str(Path(path)))  # in place: it may be hours
    return wave


def standard(wave: Waveform, name: str = "audio") -> Waveform:
    """Remove what is not sound (NaN, offset) and bring the rest to the standard level.

    The level is the RMS over the whole sound, as in the paper, lowered where a peak would clip.

    Raises:
        AudioError: shorter than 0.2 s, or silence throughout.
    """
    samples = wave.samples.copy()
    _standardise(samples, wave.rate, name)
    return Waveform(samples, wave.rate)


def _standardise(samples: F32, rate: int, name: str) -> None:
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
    power = sum(float(np.square(block, dtype=np.float64).sum()) for block in blocks) / len(samples)
    gain = np.float32(min(LEVEL / power**0.5, 1 / peak))
    for block in blocks:
        block *= gain
