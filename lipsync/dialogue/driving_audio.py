"""The speech that each mouth follows, on the output's time line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.runtime.wording import count_of
from lipsync.speech import audio
from lipsync.types import F32, SPEECH_RATE, AudioInfo, Waveform

CONTEXT_S = 1.0  # of speech around a span, kept for predicting its lips


class DrivingAudio:
    """Reads the speech files of a render, each in a single decoding.

    Samples are kept from the first use of a file to its last, so hours of sound are in memory once.
    """

    def __init__(self, parts: Sequence[SpeakerPart], track: int | None = None) -> None:
        """`track`: of every file, see `media.probe_audio`."""
        self._track = track
        self._uses = Counter(path for part in parts for path in _files_read(part))
        self._waves: dict[Path, Waveform] = {}

    def longest(self, parts: Sequence[SpeakerPart]) -> Fraction:
        """Duration (s) of the longest speech of parts without spans.

        Raises:
            MediaError, AudioError: a file is missing, unreadable, or has no sound.
        """
        return max(self._duration(part.audio) for part in parts)

    def load(self, part: SpeakerPart, duration: Fraction) -> Waveform:
        """Load the speech of a part, once: 16 kHz mono at the standard level, in output time.

        With spans, only the speech in them and CONTEXT_S around each is kept, so that the lips at
        their borders are those of the running speech; the rest is silence.

        Args:
            duration: seconds of the output, the length of speech with spans.

        Raises:
            MediaError, AudioError: a file is missing, unreadable, or holds no speech.
        """
        if part.spans is None:
            return self._take_standardized(part.audio)
        line = np.zeros(math.ceil(duration * SPEECH_RATE), np.float32)
        for first, samples in self._pieces(part):
            line[first : first + len(samples)] = samples[: max(0, len(line) - first)]
        return Waveform(line, SPEECH_RATE)

    def _pieces(self, part: SpeakerPart) -> Iterator[tuple[int, F32]]:
        """(first sample, samples at the standard level); later ones replace earlier ones."""
        rate, spans = SPEECH_RATE, part.spans or ()
        in_time = [span for span in spans if span.audio is None]
        if in_time:
            path = part.audio
            whole = self._take(path).samples
            starts = [max(0, round((float(span.start) - CONTEXT_S) * rate)) for span in in_time]
            ends = [round((float(span.end) + CONTEXT_S) * rate) for span in in_time]
            pieces = [whole[first:end] for first, end in zip(starts, ends, strict=True)]
            # The level is that of the spans alone: long silence elsewhere does not raise it.
            level = audio.standardize(
                Waveform(np.concatenate(pieces), rate), part.label(f"{path} in spans")
            )
            edges = np.cumsum([len(samples) for samples in pieces])[:-1]
            yield from zip(starts, np.split(level.samples, edges), strict=True)
        for span in spans:
            if span.audio is not None:
                yield round(span.start * rate), self._take_standardized(span.audio).samples

    def _duration(self, path: Path) -> Fraction:
        """Decodes the file and keeps its samples for `load`."""
        if path in self._waves:
            return media.probe_audio(path, self._track).duration
        self._waves[path], info = media.read_audio_with_info(path, SPEECH_RATE, self._track)
        return info.duration

    def _take(self, path: Path) -> Waveform:
        """The samples of a file, not to be changed unless this was its last use."""
        wave = self._waves.pop(path, None)
        if wave is None:
            wave, _ = media.read_audio_with_info(path, SPEECH_RATE, self._track)
        self._uses[path] -= 1
        if self._uses[path] > 0:
            self._waves[path] = wave
        return wave

    def _take_standardized(self, path: Path) -> Waveform:
        wave = self._take(path)
        if path in self._waves:
            return audio.standardize(wave, str(path))
        audio.standardize_in_place(wave, str(path))
        return wave


def _files_read(part: SpeakerPart) -> Iterator[Path]:
    """The files that `DrivingAudio.load` reads for a part, once per use."""
    if part.spans is None or any(span.audio is None for span in part.spans):
        yield part.audio
    for span in part.spans or ():
        if span.audio is not None:
            yield span.audio


def find_overruns(parts: Sequence[SpeakerPart], track: int | None = None) -> list[str]:
    """Warnings, one line each, about speech that is cut off or ends before its span begins."""
    notes = []
    for part in parts:
        whole, end = part.speaker.audio, None
        for span in part.spans or ():
            if span.audio is not None:
                longer = media.probe_audio(span.audio, track).duration - (span.end - span.start)
                if longer > Fraction(1, 20):
                    notes.append(f"{span}: {span.audio.name} is {float(longer):.2f} s longer; cut")
            elif whole is not None:
                end = media.probe_audio(whole, track).duration if end is None else end
                if span.start >= end:
                    notes.append(f"{span}: {whole.name} ends before it at {float(end):.2f} s")
    return notes


def find_faults(parts: Sequence[SpeakerPart], track: int | None = None) -> list[str]:
    """Warnings, one line each, about damage that is mended in the speech that is used."""
    files = dict.fromkeys(path for part in parts for path in _files_read(part))
    infos = [(path, media.probe_audio(path, track)) for path in files]
    return [line for path, info in infos for line in describe_faults(path, info)]


def describe_faults(path: Path, info: AudioInfo) -> Iterator[str]:
    """What is mended in a sound wherever it is used, a line each."""
    if info.broken:
        what = count_of(info.broken, "sample is no number", "samples are no numbers")
        yield f"{path}: {what} (NaN or infinite); silence is heard instead"
    if info.voice is not None:
        yield (
            f"{path}: left and right cancel each other, one is inverted; the "
            f"{('left', 'right')[info.voice]} channel, the stronger one, is used for both"
        )


def mix_speech(waves: Sequence[Waveform]) -> Waveform:
    """The sum of all waves, as long as the longest."""
    line = np.zeros(max(len(wave.samples) for wave in waves), np.float32)
    for wave in waves:
        line[: len(wave.samples)] += wave.samples
    return Waveform(line, waves[0].rate)
