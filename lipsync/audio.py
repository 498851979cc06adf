"""Any file's sound → what the speech model listens to: 16 kHz, mono, at a standard level."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import AudioError
from lipsync.types import Waveform

RATE = 16000  # Hz
SHORTEST_S = 0.2
LEVEL = 0.05  # RMS of the standard level: −26 dB of full scale
BLOCK = 1 << 20  # samples that are worked on at once: an hour of sound is copied only once
SILENCE = 1e-4  # peak below which nothing is there: −80 dB, three steps of 16-bit sound


def load(path: str | os.PathLike[str]) -> Waveform:
    """The sound of a file as 16 kHz mono without offset, at the standard level.

    Raises:
        MediaError: the file is missing or unreadable.
        AudioError: no sound in it, shorter than 0.2 s, or silence throughout.
    """
    return standard(media.read_audio(path, RATE), str(Path(path)))


def standard(wave: Waveform, name: str = "audio") -> Waveform:
    """Remove what is not sound (NaN, offset) and bring the rest to the standard level.

    The level is the RMS over the whole sound, as in the paper, lowered where a peak would clip.

    Raises:
        AudioError: shorter than 0.2 s, or silence throughout.
    """
    if wave.duration < SHORTEST_S:
        raise AudioError(
            f"{name}: {float(wave.duration):.2f} s of sound; at least {SHORTEST_S} s is needed"
        )
    samples = np.empty_like(wave.samples)
    blocks = [slice(first, first + BLOCK) for first in range(0, len(samples), BLOCK)]
    for block in blocks:
        known = np.nan_to_num(wave.samples[block], nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(known, -1, 1, out=samples[block])
    offset = np.float32(sum(samples[b].sum(dtype=np.float64) for b in blocks) / len(samples))
    for block in blocks:
        samples[block] -= offset
    peak = max(float(np.abs(samples[block]).max()) for block in blocks)
    if peak < SILENCE:
        raise AudioError(f"{name}: silent throughout; give a file in which somebody speaks")
    power = sum(float(np.square(samples[b], dtype=np.float64).sum()) for b in blocks)
    gain = np.float32(min(LEVEL / (power / len(samples)) ** 0.5, 1 / peak))
    for block in blocks:
        samples[block] *= gain
    return Waveform(samples, wave.rate)
