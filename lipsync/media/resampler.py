"""Sound that is still arriving, brought to another rate piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import av
import numpy as np

from lipsync.types import F32


class Resampler:
    """Mono sound from one rate to another; the samples do not depend on how it is cut."""

    def __init__(self, rate: int, wanted: int) -> None:
        """`rate`: of what will come, `wanted`: of what is returned; Hz."""
        self.rate, self.wanted = rate, wanted
        self._swr: Any = None
        if rate != wanted:
            self._swr = av.AudioResampler(format="flt", layout="mono", rate=wanted)
        self._any = False

    def push(self, samples: F32) -> F32:
        """Take the next samples (n,); returns those that are known by now."""
        if self._swr is None or not len(samples):
            return samples
        self._any = True
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[None]), format="flt", layout="mono"
        )
        frame.sample_rate = self.rate
        return _joined(self._swr.resample(frame))

    def finish(self) -> F32:
        """The rest."""
        return _joined(self._swr.resample(None) if self._any else ())


def _joined(frames: Iterable[Any]) -> F32:
    pieces = [frame.to_ndarray()[0] for frame in frames]
    return np.concatenate([np.zeros(0, np.float32), *pieces])
