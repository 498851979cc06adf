"""One voice out of two channels: their mean, unless they cancel each other.

A cable or a plug-in that inverts one channel of a stereo recording makes the mean of both silent.
Then the stronger channel alone is the voice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lipsync.types import F32, F64, Waveform

# Power of the mean against that of two channels that have nothing in common. Equal channels have 2,
# one channel alone 1, inverted ones 0.
CANCELED = 0.1
# Share of the sound's energy in seconds so canceled, from which the mean is not used.
CANCELED_SHARE = 0.3
SILENT = 1e-10  # power (−100 dB) below which a second tells nothing
BLOCK = 1 << 20  # samples cleaned at a time


class ChannelMix:
    """The mean of two channels, or one of them, piece by piece."""

    def __init__(self, rate: int, only: int | None = None) -> None:
        """`rate`: Hz; `only`: take this channel in place of the mean."""
        self._rate, self._only = rate, only
        self._seen = 0
        # Of every second: number, sums and sums of squares of left, right and mean.
        self._count: list[float] = []
        self._sums: list[F64] = []

    def add(self, piece: F32) -> F32:
        """The next samples (n, 2) as one voice (n,)."""
        mean: F32 = (piece[:, 0] + piece[:, 1]) * np.float32(0.5)
        if self._only is not None:
            return piece[:, self._only]
        signals = np.stack([piece[:, 0], piece[:, 1], mean]).astype(np.float64)
        second = (self._seen + np.arange(len(piece))) // self._rate
        starts = np.flatnonzero(np.diff(second, prepend=-1))
        if len(piece):
            sums = np.add.reduceat(signals, starts, axis=1)
            squares = np.add.reduceat(signals**2, starts, axis=1)
            counts = np.diff(np.append(starts, len(piece)))
            for k, one in enumerate(second[starts].tolist()):
                if one == len(self._sums):
                    self._sums.append(np.zeros((2, 3)))
                    self._count.append(0.0)
                self._sums[one] += sums[:, k], squares[:, k]
                self._count[one] += float(counts[k])
        self._seen += len(piece)
        return mean

    @property
    def voice(self) -> int | None:
        """The stronger channel if the two cancel each other; None: their mean is the voice."""
        if not self._sums:
            return None
        sums, counts = np.stack(self._sums), np.array(self._count)[:, None]
        energy = np.maximum(sums[:, 1] - sums[:, 0] ** 2 / counts, 0)  # without a constant offset
        both = energy[:, 0] + energy[:, 1]
        heard = both > SILENT * counts[:, 0]
        canceled = heard & (energy[:, 2] < CANCELED * both / 4)
        if both[canceled].sum() <= CANCELED_SHARE * both.sum() or not canceled.any():
            return None
        return int(np.argmax(energy[:, :2].sum(0)))


def rows_of(pieces: Iterator[bytes], kind: str, channels: int) -> Iterator[Any]:
    """Bytes of interleaved samples as arrays (k, channels) of NumPy's type `kind`."""
    size, rest = np.dtype(kind).itemsize * channels, b""
    for piece in pieces:
        whole = rest + piece if rest else piece
        used = len(whole) // size * size
        rest = whole[used:]
        yield np.frombuffer(whole[:used], kind).reshape(-1, channels)


def collect_voice(
    pieces: Iterator[bytes], rate: int, channels: int, only: int | None = None
) -> tuple[Waveform, int | None]:
    """Pieces of float samples of 1 or 2 channels as one voice within −1..1, and what it is of.

    Args:
        only: take this channel in place of the mean of both.

    Returns:
        The voice, and `ChannelMix.voice`: if it is a channel, read once more with `only`.
    """
    collected = bytearray()  # hours of it: kept once, and cleaned in place
    mix = ChannelMix(rate, only)
    if channels == 1:
        for data in pieces:
            collected += data
    else:
        for piece in rows_of(pieces, "<f4", channels):
            collected += mix.add(piece).astype("<f4", copy=False).tobytes()
    samples = np.frombuffer(collected, dtype="<f4", count=len(collected) // 4)
    for first in range(0, len(samples), BLOCK):
        block = samples[first : first + BLOCK]
        np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(block, -1, 1, out=block)
    return Waveform(samples.astype(np.float32, copy=False), rate), mix.voice
