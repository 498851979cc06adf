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
    samples = np.nan_to_num(wave.samples, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)
    samples = np.clip(samples, -1, 1)
    samples -= samples.mean()
    peak = float(np.abs(samples).max())
    if peak < SILENCE:
        raise AudioError(f"{name}: silent throughout; give a file in which somebody speaks")
    gain = min(LEVEL / float(np.sqrt(np.mean(samples**2))), 1 / peak)
    return Waveform((samples * gain).astype(np.float32), wave.rate)
