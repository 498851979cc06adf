"""Sound → power spectra at 100 Hz, and triangular mel filters.

All features share one window: 25 ms Hamming every 10 ms, so step i is centered at
12.5 ms + i · 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from python_speech_features import sigproc

from lipsync.types import F32, SPEECH_RATE

Floats = NDArray[np.floating[Any]]

WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms
FFT = 512
BINS = FFT // 2 + 1
STEPS_PER_SECOND = SPEECH_RATE / HOP
FIRST_CENTER = WINDOW / 2 / SPEECH_RATE  # seconds
PRE_EMPHASIS = 0.97
INT16 = 32768.0  # the paper's energy term needs samples of this scale

# Steps processed at a time, so that an hour needs no more memory than a minute.
BLOCK = 6000
NEPERS_PER_DB = np.log(10) / 10  # of power
LOUD_PERCENTILE = 95  # of the steps' loudness: the clip's level


def count_steps(samples: int) -> int:
    """The number of steps of a sound of so many samples."""
    return 1 + max(0, -(-(samples - WINDOW) // HOP))


def emphasized_blocks(samples: F32) -> Iterator[F32]:
    """Cut a sound into pre-emphasized pieces on the int16 scale, each of whole steps.

    Each piece overlaps the next by the part of a window that extends into it.
    """
    count = count_steps(len(samples))
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        start, end = first * HOP, (last - 1) * HOP + WINDOW
        piece = samples[max(0, start - 1) : end].astype(np.float64) * INT16
        emphasized = sigproc.preemphasis(piece, PRE_EMPHASIS)
        # All pieces but the first were read with one extra sample, for the pre-emphasis.
        yield emphasized if start == 0 else emphasized[1:]


def hamming_windows(emphasized: Floats) -> NDArray[np.float64]:
    """(n, 400) windowed steps of a piece of pre-emphasized sound."""
    return np.asarray(sigproc.framesig(emphasized, WINDOW, HOP, winfunc=np.hamming))


def power_spectra(samples: F32) -> F32:
    """Power spectrum of every step, (n, 257), on the int16 scale."""
    return np.concatenate([block_power_spectra(block) for block in emphasized_blocks(samples)])


def block_power_spectra(emphasized: Floats) -> F32:
    """Power spectra (n, 257) of a piece of pre-emphasized sound."""
    return np.asarray(sigproc.powspec(hamming_windows(emphasized), FFT), dtype=np.float32)


@cache
def mel_filters(count: int, low: float = 60, high: float = 7600, stretch: float = 1.0) -> F32:
    """(257, count): triangular filters of equal width on the mel scale and of height 1.

    HTK's scale: mel = 2595 log10(1 + f / 700).

    Args:
        low, high: Hz, the outer ends of the first and last triangle.
        stretch: the filters are applied to a spectrum whose frequencies are multiplied by this.
    """
    first, last = (2595 * np.log10(1 + f / 700) for f in (low, high))
    corners = 700 * (10 ** (np.linspace(first, last, count + 2) / 2595) - 1)
    bins = np.linspace(0, SPEECH_RATE / 2, BINS)[:, None]
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    bank = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return np.ascontiguousarray(bank if stretch == 1.0 else stretch_matrix(stretch) @ bank)


def stretch_matrix(factor: float) -> F32:
    """(257, 257): `spectrum @ matrix` has at bin f the spectrum's value at bin f / factor.

    Beyond its last bin the spectrum is extended with that bin's value.
    """
    source = np.minimum(np.arange(BINS) / factor, BINS - 1)
    left = np.minimum(source.astype(np.int64), BINS - 2)
    share = source - left
    matrix = np.zeros((BINS, BINS), np.float32)
    matrix[left, np.arange(BINS)] += 1 - share
    matrix[left + 1, np.arange(BINS)] += share
    return matrix
