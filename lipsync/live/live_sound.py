"""Sound in pieces of any size and rate → the samples that the speech model wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lipsync.errors import AudioError
from lipsync.media.resampler import Resampler
from lipsync.speech.audio import LEVEL, SILENCE
from lipsync.types import F32, SPEECH_RATE, Waveform

MOST_RATE = 384_000  # Hz
MOST_CHANNELS = 8


class LiveSound:
    """All samples that have come so far, 16 kHz and mono, and windows of them at standard level.

    However the sound is cut, the samples are the same.
    """

    def __init__(self, rate: int) -> None:
        """`rate`: of the sound that will come, Hz.

        Raises:
            AudioError: no rate of sound.
        """
        if not isinstance(rate, int) or not 4000 <= rate <= MOST_RATE:
            raise AudioError(f"sound: wanted a rate of 4000 to {MOST_RATE} Hz, got {rate!r}")
        self.rate = rate
        self._resampler = Resampler(rate, SPEECH_RATE)
        self._pieces: list[F32] = []
        self._first = 0  # sample with which `_pieces` begins
        self.count = 0  # of samples so far
        self.finished = False
        # Over all samples that windows have shown so far, for the level.
        self._measured = 0
        self._sum = self._energy = self._peak = 0.0

    def push(self, piece: Any) -> None:
        """Take the next samples.

        Args:
            piece: (n,) or (n, channels), float in [−1, 1] or 16-bit integers.

        Raises:
            AudioError: it is something else.
        """
        self._keep(self._resampler.push(_as_mono(piece)))

    def finish(self) -> None:
        """No more will come."""
        if not self.finished:
            self._keep(self._resampler.finish())
        self.finished = True

    def window(self, start: int, stop: int) -> Waveform:
        """Samples start … stop − 1 at the level that all up to `stop` have together.

        What has not come, at either end, is silence. Windows are asked for in order; samples before
        `start` are let go.

        Raises:
            ValueError: samples that were let go, or ask for less than the window before.
        """
        if start < self._first:
            raise ValueError(f"LiveSound: sample {start} is gone, the first is {self._first}")
        line = self._line()
        self._measure(line, stop)
        found = line[start - self._first : max(0, stop - self._first)]
        self._pieces, self._first = [line[start - self._first :]], start
        offset, gain = self._level()
        wanted = (found - np.float32(offset)) * np.float32(gain)
        return Waveform(np.pad(wanted, (0, stop - start - len(found))), SPEECH_RATE)

    def is_silent(self, wave: Waveform) -> bool:
        """Whether nothing at all is heard in a window."""
        return not len(wave.samples) or float(np.abs(wave.samples).max()) < SILENCE

    def _line(self) -> F32:
        """All samples that are kept, in one array."""
        if len(self._pieces) != 1:  # of a single long piece there is no copy per window
            self._pieces = [np.concatenate([np.zeros(0, np.float32), *self._pieces])]
        return self._pieces[0]

    def _keep(self, samples: F32) -> None:
        self._pieces.append(np.ascontiguousarray(samples, np.float32))
        self.count += len(samples)

    def _measure(self, line: F32, stop: int) -> None:
        """Take samples up to `stop` into the level."""
        new = line[max(0, self._measured - self._first) : max(0, stop - self._first)]
        new64 = new.astype(np.float64)
        self._measured += len(new)
        self._sum += float(new64.sum())
        self._energy += float((new64**2).sum())
        self._peak = max(self._peak, float(np.abs(new64).max(initial=0)))

    def _level(self) -> tuple[float, float]:
        """Offset and gain, see `audio.standardize`."""
        if not self._measured or self._peak < SILENCE:
            return 0.0, 1.0
        offset = self._sum / self._measured
        power = max(self._energy / self._measured - offset**2, 1e-12)
        return offset, min(LEVEL / power**0.5, 1 / self._peak)


def split_sound(samples: F32, size: int) -> Iterator[F32]:
    """Pieces of a whole sound, `size` samples each."""
    for first in range(0, len(samples), size):
        yield samples[first : first + size]


def _as_mono(piece: Any) -> F32:
    """Samples (n,) of a piece; what is no number is silence."""
    try:
        array = np.asarray(piece)
    except (TypeError, ValueError):
        raise _wrong(piece) from None
    if array.dtype == np.int16:
        array = array.astype(np.float32) / np.float32(32768)
    if array.dtype.kind != "f" or array.ndim not in (1, 2):
        raise _wrong(piece)
    if array.ndim == 2:
        if not 1 <= array.shape[1] <= MOST_CHANNELS:
            raise _wrong(piece)
        array = array.mean(1)
    clean = np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(clean, -1, 1)


def _wrong(piece: Any) -> AudioError:
    got = f"{piece.dtype} {piece.shape}" if isinstance(piece, np.ndarray) else type(piece).__name__
    return AudioError(
        f"sound: wanted samples (n,) or (n, channels), float or 16-bit integers, got {got}"
    )
