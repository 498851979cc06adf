"""When somebody speaks, and what the mouth does when nobody does.

Silence is found by silero-vad (its model comes with its package). In silence the mouth closes with
a natural release and stays still, or the target's own frames return.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.runtime.threads import one_thread
from lipsync.types import F32, Bools, Waveform

RATE = 16000  # Hz
WINDOW, BEFORE = 512, 64  # samples: what the detector hears at once, and those before that it minds
AT_ONCE = 256  # windows that its encoder reads together
SPEECH = 0.5  # probability above which it is speech
HOLD = 0.35  # … and, once it is, below which it is no longer
SHORTEST_PAUSE_S = 0.25  # shorter ones are part of the speech


@dataclass(frozen=True, eq=False)
class Speech:
    """The stretches in which somebody speaks."""

    spans: NDArray[np.float64]  # (k, 2) seconds: begin, end; ascending, apart

    def at(self, times: NDArray[np.float64]) -> Bools:
        """Whether somebody speaks at these times, (n,)."""
        if not len(self.spans):
            return np.zeros(len(times), bool)
        span = np.clip(np.searchsorted(self.spans[:, 0], times, side="right") - 1, 0, None)
        begin, end = self.spans[span].T
        return np.asarray((times >= begin) & (times < end))

    def filled(self, pause: float) -> Speech:
        """With pauses shorter than this (s) spoken over."""
        return Speech(join_spans(self.spans, pause)) if len(self.spans) else self


def anybody(speeches: Sequence[Speech], times: NDArray[np.float64], pause: float) -> Bools:
    """Whether anybody speaks at these times, (n,); pauses under `pause` s do not count."""
    spans = np.concatenate([one.spans for one in speeches])
    spans = spans[np.argsort(spans[:, 0])]
    spans[:, 1] = np.maximum.accumulate(spans[:, 1])  # one may speak within another's stretch
    return Speech(spans).filled(pause).at(times)


def listen(wave: Waveform) -> Speech:
    """Find the speech in a 16 kHz sound.

    Raises:
        ValueError: another rate.
    """
    if wave.rate != RATE:
        raise ValueError(f"voice.listen: wanted {RATE} Hz, got {wave.rate}")
    return Speech(_spans(probabilities(wave.samples)))


def probabilities(samples: F32) -> F32:
    """Of speech, one per WINDOW samples; the last window is filled up with silence.

    The detector's encoder reads many windows at once and only its recurrent part goes one by one:
    a quarter of the time that asking it window by window takes, for the same answers.
    """
    import torch

    count = -(-len(samples) // WINDOW)
    heard = np.empty(count, np.float32)
    with one_thread(), torch.inference_mode():
        network = _network()  # loading it sets a single thread for everybody
        state = torch.zeros(0)
        for first in range(0, count, AT_ONCE):
            windows = torch.from_numpy(_windows(samples, first, min(AT_ONCE, count - first)))
            encoded = network.encoder(network.run_extractors(windows))
            said = []
            for window in encoded.split(1):
                probability, state = network.decoder(window, state)
                said.append(probability)
            heard[first : first + AT_ONCE] = torch.cat(said).squeeze(1).mean(1).numpy()
    return heard


def _windows(samples: F32, first: int, count: int) -> F32:
    """(count, BEFORE + WINDOW): windows from the given one on, each with what comes before it."""
    begin, end = first * WINDOW - BEFORE, (first + count) * WINDOW
    piece = samples[max(0, begin) : end]
    piece = np.pad(piece, (max(0, -begin), end - max(0, begin) - len(piece)))
    return np.stack([piece[i * WINDOW : (i + 1) * WINDOW + BEFORE] for i in range(count)])


@cache
def _network() -> Any:
    """The detector's network for 16 kHz: extractors, encoder, and a recurrent decoder.

    Kept, because a new one takes longer to load and warm up than to hear a sentence.
    """
    from silero_vad import load_silero_vad

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        return load_silero_vad()._model


def _spans(probability: F32) -> NDArray[np.float64]:
    """Hysteresis, then pauses that are too short are spoken over; (k, 2) seconds."""
    speaking = np.zeros(len(probability) + 2, bool)
    for i, p in enumerate(probability, 1):
        speaking[i] = p > (HOLD if speaking[i - 1] else SPEECH)
    edges = np.flatnonzero(np.diff(speaking)) * (WINDOW / RATE)
    spans = edges.reshape(-1, 2).astype(np.float64)
    if not len(spans):
        return np.zeros((0, 2))
    return join_spans(spans, SHORTEST_PAUSE_S)


def join_spans(spans: NDArray[np.float64], pause: float) -> NDArray[np.float64]:
    """Spans (k, 2) with those joined that are less than `pause` apart."""
    apart = spans[1:, 0] - spans[:-1, 1] >= pause
    return np.stack([spans[np.r_[True, apart], 0], spans[np.r_[apart, True], 1]], axis=1)
