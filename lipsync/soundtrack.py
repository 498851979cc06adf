"""The sound of the result, and the speech that each mouth follows.

Without spans, one speaker's file is the sound, untouched; several are mixed. With spans the sound
lies on the target's time line: inside each span the speech, outside the target's own sound, and a
short cross-fade just outside the span, so that no speech is faded. A file of a span's own begins
with the span and ends with it at the latest.

Everything is mixed on disk, piece by piece: hours of sound do not fill the memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from lipsync import audio, media
from lipsync.dialogue import Part
from lipsync.types import F32, VideoInfo, Waveform

RATE = 48000  # Hz, of the mix
CROSS_FADE_S = 0.03
PEAK = 0.891  # −1 dB of full scale: where speakers together would clip, they are turned down to it
CONTEXT_S = 1.0  # of speech around a span that its lips are predicted from
BLOCK = 1 << 18  # samples written at once


def speech_of(part: Part, duration: Fraction) -> Waveform:
    """What a part's mouth follows: 16 kHz mono at the standard level, on the output's time line.

    With spans only they are heard, and CONTEXT_S around each, so that the lips at its borders are
    those of the running speech; the rest is silence.

    Raises:
        MediaError, AudioError: a file is missing, unreadable, or holds no speech.
    """
    if part.spans is None:
        return audio.load(_whole_of(part))
    line = np.zeros(math.ceil(duration * audio.RATE), np.float32)
    for first, samples in _pieces(part):
        line[first : first + len(samples)] = samples[: max(0, len(line) - first)]
    return Waveform(line, audio.RATE)


def _pieces(part: Part) -> Iterator[tuple[int, F32]]:
    """(first sample, samples at the standard level) of what is heard, later over earlier ones."""
    rate, spans = audio.RATE, part.spans or ()
    in_time = [span for span in spans if span.audio is None]
    if in_time:
        path = _whole_of(part)
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
    return max(media.probe_audio(_whole_of(part)).duration for part in parts)


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


def soundtrack(parts: Sequence[Part], info: VideoInfo, folder: Path) -> Path:
    """The sound of the whole output: a file, made in `folder` unless it is one that was given.

    Raises:
        MediaError, AudioError: a file is missing, unreadable, or holds no sound.
    """
    if len(parts) == 1 and parts[0].spans is None:
        return _whole_of(parts[0])
    timed = parts[0].spans is not None
    own = info.path if timed and info.has_audio else None
    given = [path for part in parts for path in part.sources]
    most = max(media.probe_audio(path).channels for path in [*given, *([own] if own else [])])
    duration = info.duration if timed else length_of(parts)
    shape = (max(1, round(duration * RATE)), 2 if most > 1 else 1)
    mix = np.memmap(folder / "mix.f32", np.float32, "w+", shape=shape)
    for source in _sources(parts):
        _add(mix, source)
    peak = max(float(np.abs(mix[i : i + BLOCK]).max()) for i in range(0, len(mix), BLOCK))
    turned_down = min(1.0, PEAK / peak) if peak > 1 else 1.0
    if own is not None:
        spans = [(float(s.start), float(s.end)) for part in parts for s in part.spans or ()]
        _add(mix, _Source(own, Fraction(0), _Envelope.of(spans), inverse=True), turned_down)
        turned_down = 1.0
    return _written(mix, turned_down, folder / "soundtrack.wav")


@dataclass(frozen=True, eq=False)
class _Envelope:
    """1 inside of some spans, 0 outside, with cross-fades that lie outside."""

    times: NDArray[np.float64]
    gains: NDArray[np.float64]

    @staticmethod
    def of(spans: Iterable[tuple[float, float]]) -> _Envelope:
        """Spans nearer than two cross-fades are one."""
        joined: list[list[float]] = []
        for first, end in sorted(spans):
            if joined and first - joined[-1][1] <= 2 * CROSS_FADE_S:
                joined[-1][1] = max(joined[-1][1], end)
            else:
                joined.append([first, end])
        times = [
            t
            for first, end in joined
            for t in (first - CROSS_FADE_S, first, end, end + CROSS_FADE_S)
        ]
        return _Envelope(np.array(times), np.tile([0.0, 1.0, 1.0, 0.0], len(joined)))

    def at(self, times: NDArray[np.float64]) -> F32:
        return np.interp(times, self.times, self.gains, left=0, right=0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Source:
    """A file in the mix."""

    path: Path
    start: Fraction  # seconds of the output at which its first sample is heard
    heard: _Envelope | None = None  # None: throughout
    inverse: bool = False  # heard where the envelope is not


def _sources(parts: Sequence[Part]) -> list[_Source]:
    """Every file, once for all who speak from it; files of spans each in its place."""
    windows: dict[Path, list[tuple[float, float]]] = {}
    throughout: set[Path] = set()
    placed = []
    for part in parts:
        if part.spans is None:
            throughout.add(_whole_of(part))
        for span in part.spans or ():
            window = (float(span.start), float(span.end))
            if span.audio is None:
                windows.setdefault(_whole_of(part), []).append(window)
            else:
                placed.append(_Source(span.audio, span.start, _Envelope.of([window])))
    return [
        *(_Source(path, Fraction(0)) for path in sorted(throughout)),
        *(_Source(path, Fraction(0), _Envelope.of(spans)) for path, spans in windows.items()),
        *placed,
    ]


def _add(mix: NDArray[np.float32], source: _Source, rest: float = 1.0) -> None:
    """Add a file to the mix (n, channels), which itself is multiplied by `rest`."""
    at = round(source.start * RATE)
    if rest < 1:
        mix *= np.float32(rest)
    with closing(media.sound_blocks(source.path, RATE, mix.shape[1])) as pieces:
        for piece in pieces:
            block = piece[: len(mix) - at]
            if not len(block):
                return
            if source.heard is not None:
                gain = source.heard.at((at + np.arange(len(block))) / RATE)
                block = block * (1 - gain if source.inverse else gain)[:, None]
            mix[at : at + len(block)] += block
            at += len(block)


def _written(mix: NDArray[np.float32], gain: float, path: Path) -> Path:
    """The mix as a file of 24-bit samples (RF64: beyond 4 GB as well)."""
    with soundfile.SoundFile(path, "w", RATE, mix.shape[1], "PCM_24", format="RF64") as file:
        for first in range(0, len(mix), BLOCK):
            file.write(np.clip(gain * mix[first : first + BLOCK], -1, 1))
    return path


def _whole_of(part: Part) -> Path:
    path = part.speaker.audio
    if path is None:
        raise ValueError("Part: wanted a speaker with sound")
    return path
