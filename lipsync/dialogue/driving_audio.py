"""The speech that each mouth follows, on the output's time line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.dialogue.speaker_parts import Part
from lipsync.speech import audio
from lipsync.types import F32, Waveform

CONTEXT_S = 1.0  # of speech around a span that its lips are predicted from


def speech_of(part: Part, duration: Fraction) -> Waveform:
    """What a part's mouth follows: 16 kHz mono at the standard level, on the output's time line.

    With spans only they are heard, and CONTEXT_S around each, so that the lips at its borders are
    those of the running speech; the rest is silence.

    Raises:
        MediaError, AudioError: a file is missing, unreadable, or holds no speech.
    """
    if part.spans is None:
        return audio.load(whole_of(part))
    line = np.zeros(math.ceil(duration * audio.RATE), np.float32)
    for first, samples in _pieces(part):
        line[first : first + len(samples)] = samples[: max(0, len(line) - first)]
    return Waveform(line, audio.RATE)


def _pieces(part: Part) -> Iterator[tuple[int, F32]]:
    """(first sample, samples at the standard level) of what is heard, later over earlier ones."""
    rate, spans = audio.RATE, part.spans or ()
    in_time = [span for span in spans if span.audio is None]
    if in_time:
        path = whole_of(part)
        whole = media.read_audio(path, rate).samples
        starts = [max(0, round((float(span.start) - CONTEXT_S) * rate)) for span in in_time]
        ends = [round((float(span.end) + CONTEXT_S) * rate) for span in in_time]
        heard = [whole[first:end] for first, end in zip(starts, ends, strict=True)]
        # The level is that of the spans alone: a track that is silent for long is not raised.
        level = audio.standard(
            Waveform(np.concatenate(heard), rate), part.named(f"{path} in spans")
        )
        edges = np.cumsum([len(samples) for samples in heard])[:-1]
        yield from zip(starts, np.split(level.samples, edges), strict=True)
    for span in spans:
        if span.audio is not None:
            yield round(span.start * rate), audio.load(span.audio).samples


def length_of(parts: Sequence[Part]) -> Fraction:
    """Duration of the longest speech of parts without spans, seconds."""
    return max(media.probe_audio(whole_of(part)).duration for part in parts)


def overruns(parts: Sequence[Part]) -> list[str]:
    """What of the speech is not heard, or is missing, one line each."""
    notes = []
    for part in parts:
        whole = part.speaker.audio
        ends = None
        for span in part.spans or ():
            if span.audio is not None:
                longer = media.probe_audio(span.audio).duration - (span.end - span.start)
                if longer > Fraction(1, 20):
                    notes.append(f"{span}: {span.audio.name} is {float(longer):.2f} s longer; cut")
            elif whole is not None:
                ends = media.probe_audio(whole).duration if ends is None else ends
                if span.start >= ends:
                    notes.append(f"{span}: {whole.name} ends before it at {float(ends):.2f} s")
    return notes


def together(waves: Sequence[Waveform]) -> Waveform:
    """All that is said, as one wave as long as the longest."""
    line = np.zeros(max(len(wave.samples) for wave in waves), np.float32)
    for wave in waves:
        line[: len(wave.samples)] += wave.samples
    return Waveform(line, waves[0].rate)


def whole_of(part: Part) -> Path:
    """The file that a part without sound of its own for every span is spoken from."""
    path = part.speaker.audio
    if path is None:
        raise ValueError("Part: wanted a speaker with sound")
    return path
