"""Sound → power spectra at 100 Hz, and the triangular filters that sum them up.

One window for every front end: 25 ms Hamming every 10 ms, so step i is centred on
12.5 ms + i · 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from python_speech_features import sigproc

from lipsync.types import F32

Floats = NDArray[np.floating[Any]]

RATE = 16000  # Hz, of the sound
WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms
FFT = 512
BINS = FFT // 2 + 1
STEPS_PER_SECOND = RATE / HOP
FIRST_CENTRE = WINDOW / 2 / RATE  # seconds
PRE_EMPHASIS = 0.97
INT16 = 32768.0  # the paper's energy term needs samples of this scale

# Sound is read in blocks of this many steps, so that an hour needs no more memory than a minute.
BLOCK = 6000
NEPERS_PER_DB = np.log(10) / 10  # of power
LOUD_PERCENTILE = 95


def steps(samples: int) -> int:
    """How many steps a sound of so many samples has."""
    return 1 + max(0, -(-(samples - WINDOW) // HOP))


def blocks(samples: F32) -> Iterator[F32]:
    """Pieces of pre-emphasised sound on the int16 scale, each of whole steps.

    Every piece overlaps its successor by the part of a window that reaches into it.
    """
    count = steps(len(samples))
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        start, end = first * HOP, (last - 1) * HOP + WINDOW
        piece = samples[max(0, start - 1) : end].astype(np.float64) * INT16
        emphasised = sigproc.preemphasis(piece, PRE_EMPHASIS)
        # The first sample of a piece needs its predecessor, which was read for that and now goes.
        yield emphasised if start == 0 else emphasised[1:]


def windows(emphasised: Floats) -> NDArray[np.float64]:
    """(n, 400) windowed steps of a piece of pre-emphasised sound."""
    return np.asarray(sigproc.framesig(emphasised, WINDOW, HOP, winfunc=np.hamming))


def power(samples: F32) -> F32:
    """Power spectrum of every step, (n, 257), on the int16 scale."""
    return np.concatenate([power_of(block) for block in blocks(samples)])


def power_of(emphasised: Floats) -> F32:
    """Power spectrum (n, 257) of a piece of pre-emphasised sound."""
    return np.asarray(sigproc.powspec(windows(emphasised), FFT), dtype=np.float32)


@cache
def mel_filters(count: int, low: float = 60, high: float = 7600, stretch: float = 1.0) -> F32:
    """(257, count): triangles of equal width on the mel scale.

    Of height 1, on HTK's scale: mel = 2595 log10(1 + f / 700).

    Args:
        low, high: Hz, the ends of the first and the last triangle.
        stretch: the filters see a spectrum whose frequencies were multiplied by this.
    """
    first, last = (2595 * np.log10(1 + f / 700) for f in (low, high))
    corners = 700 * (10 ** (np.linspace(first, last, count + 2) / 2595) - 1)
    bins = np.linspace(0, RATE / 2, BINS)[:, None]
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    bank = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return np.ascontiguousarray(bank if stretch == 1.0 else stretching(stretch) @ bank)


def stretching(factor: float) -> F32:
    """(257, 257): spectrum @ this has at bin f what the spectrum has at bin f / factor.

    Above the last bin of the spectrum it is held.
    """
    source = np.minimum(np.arange(BINS) / factor, BINS - 1)
    left = np.minimum(source.astype(np.int64), BINS - 2)
    share = source - left
    matrix = np.zeros((BINS, BINS), np.float32)
    matrix[left, np.arange(BINS)] += 1 - share
    matrix[left + 1, np.arange(BINS)] += share
    return matrix
