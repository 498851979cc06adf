"""Voice activity detection: the segments of a sound that hold speech.

The detector is silero-vad, whose weights come with its package.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync.runtime.threads import single_threaded_torch
from lipsync.types import F32, SPEECH_RATE, Bools, Waveform

WINDOW, CONTEXT = 512, 64  # samples: the detector's hop, and those of the window before
BATCH = 256  # windows that its encoder reads together
ONSET = 0.5  # probability above which speech begins …
OFFSET = 0.35  # … and below which it ends
SHORTEST_PAUSE_S = 0.25  # shorter pauses are part of the speech


@dataclass(frozen=True, eq=False)
class SpeechSegments:
    """The segments of a sound that hold speech."""

    spans: NDArray[np.float64]  # (k, 2) seconds: begin, end; ascending, disjoint

    def at(self, times: NDArray[np.float64]) -> Bools:
        """Whether there is speech at these times (s), (n,)."""
        if not len(self.spans):
            return np.zeros(len(times), bool)
        span = np.clip(np.searchsorted(self.spans[:, 0], times, side="right") - 1, 0, None)
        begin, end = self.spans[span].T
        return np.asarray((times >= begin) & (times < end))

    def fill_pauses(self, pause: float) -> SpeechSegments:
        """Join segments less than `pause` (s) apart."""
        return SpeechSegments(join_spans(self.spans, pause)) if len(self.spans) else self


def any_speech_at(
    speakers: Sequence[SpeechSegments], times: NDArray[np.float64], pause: float
) -> Bools:
    """Whether any speaker speaks at these times (s), (n,); pauses under `pause` s are filled."""
    spans = np.concatenate([one.spans for one in speakers])
    spans = spans[np.argsort(spans[:, 0])]
    spans[:, 1] = np.maximum.accumulate(spans[:, 1])  # one segment may lie inside another's
    return SpeechSegments(spans).fill_pauses(pause).at(times)


def detect_speech(wave: Waveform) -> SpeechSegments:
    """Find the speech in a 16 kHz sound.

    Raises:
        ValueError: another rate.
    """
    if wave.rate != SPEECH_RATE:
        raise ValueError(f"detect_speech: wanted {SPEECH_RATE} Hz, got {wave.rate}")
    return SpeechSegments(_threshold(speech_probabilities(wave.samples)))


def speech_probabilities(samples: F32) -> F32:
    """The detector's probability of speech in every window, (ceil(n / WINDOW),).

    The last window is padded with silence. The encoder reads many windows at once and only the
    recurrent decoder goes window by window: a quarter of the time that calling the detector for
    every window takes, with the same result.
    """
    import torch

    count = -(-len(samples) // WINDOW)
    result = np.empty(count, np.float32)
    with single_threaded_torch(), torch.inference_mode():
        network = _load_network()  # loading it sets a single thread for the whole process
        state = torch.zeros(0)
        for first in range(0, count, BATCH):
            windows = torch.from_numpy(_cut_windows(samples, first, min(BATCH, count - first)))
            encoded = network.encoder(network.run_extractors(windows))
            outputs = []
            for window in encoded.split(1):
                probability, state = network.decoder(window, state)
                outputs.append(probability)
            result[first : first + BATCH] = torch.cat(outputs).squeeze(1).mean(1).numpy()
    return result


def _cut_windows(samples: F32, first: int, count: int) -> F32:
    """(count, CONTEXT + WINDOW): windows from index `first` on, each with its context before it."""
    begin, end = first * WINDOW - CONTEXT, (first + count) * WINDOW
    piece = samples[max(0, begin) : end]
    piece = np.pad(piece, (max(0, -begin), end - max(0, begin) - len(piece)))
    return np.stack([piece[i * WINDOW : (i + 1) * WINDOW + CONTEXT] for i in range(count)])


@cache
def _load_network() -> Any:
    """The detector's network for 16 kHz: extractors, encoder, and a recurrent decoder.

    Cached, because loading and warming up takes longer than detecting speech in a sentence.
    """
    from silero_vad import load_silero_vad

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        return load_silero_vad()._model


def _threshold(probability: F32) -> NDArray[np.float64]:
    """Spans (k, 2), seconds: hysteresis over the probabilities, then short pauses filled."""
    speaking = np.zeros(len(probability) + 2, bool)
    for i, p in enumerate(probability, 1):
        speaking[i] = p > (OFFSET if speaking[i - 1] else ONSET)
    edges = np.flatnonzero(np.diff(speaking)) * (WINDOW / SPEECH_RATE)
    spans = edges.reshape(-1, 2).astype(np.float64)
    if not len(spans):
        return np.zeros((0, 2))
    return join_spans(spans, SHORTEST_PAUSE_S)


def join_spans(spans: NDArray[np.float64], pause: float) -> NDArray[np.float64]:
    """Join those of the spans (k, 2) that are less than `pause` apart."""
    apart = spans[1:, 0] - spans[:-1, 1] >= pause
    return np.stack([spans[np.r_[True, apart], 0], spans[np.r_[apart, True], 1]], axis=1)
