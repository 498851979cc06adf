"""The sound of the result.

Without spans, one speaker's file is the sound, untouched; several are mixed. With spans the sound
lies on the target's time line: inside each span the speech, outside the target's own sound, and a
short cross-fade just outside the span, so that no speech is faded. A file of a span's own begins
with the span and ends with it at the latest. A background is the target's own sound throughout.

Everything is mixed on disk, piece by piece: hours of sound do not fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from pydantic import Field

from lipsync import media
from lipsync.dialogue.driving_audio import whole_of
from lipsync.dialogue.speaker_parts import Part
from lipsync.errors import OptionsError
from lipsync.runtime.option_spec import options
from lipsync.types import F32, VideoInfo

RATE = 48000  # Hz, of the mix
CROSS_FADE_S = 0.03
PEAK = 0.891  # −1 dB of full scale: where speakers together would clip, they are turned down to it
BLOCK = 1 << 18  # samples written at once


@options
class SoundOptions:
    """What is heard in the result."""

    audio_mix: Literal["speech", "background+speech"] = "speech"
    """speech: where somebody speaks nothing else is heard; background+speech: the target's own
    sound is under it, from its beginning, both as loud as they were recorded."""
    background_track: Annotated[int, Field(ge=1)] = 1
    """Which of the target's sound tracks is its own sound; the first is 1."""


def soundtrack(
    parts: Sequence[Part],
    info: VideoInfo,
    duration: Fraction,
    options: SoundOptions,
    folder: Path,
) -> tuple[media.Soundtrack, list[str]]:
    """The sound of the whole output, and what of it could not be as wished.

    Args:
        info: the target.
        duration: seconds of the output.
        folder: in which a mix is made; a single file that was given stays where it is.

    Raises:
        MediaError, AudioError: a file is missing, unreadable, or holds no sound.
        OptionsError: the target has no such track.
    """
    own, notes = _own_sound(parts, info, duration, options)
    if own is None and len(parts) == 1 and parts[0].spans is None:
        path = whole_of(parts[0])
        cut = duration < media.probe_audio(path).duration
        return media.Soundtrack(path, duration if cut else None), notes
    sources = _sources(parts)
    channels = [
        media.probe_audio(one.path, one.track).channels
        for one in (*sources, *([own] if own else []))
    ]
    shape = (max(1, round(duration * RATE)), 2 if max(channels) > 1 else 1)
    mix = np.memmap(folder / "mix.f32", np.float32, "w+", shape=shape)
    for source in sources:
        _add(mix, source)
    gain = 1.0
    if own is not None and own.heard is not None:
        # Where the target's own sound is heard, nothing else is: it stays at its level.
        _turn(mix, _within_peak(mix))
        _add(mix, own)
    else:
        if own is not None:
            _add(mix, own)
        gain = _within_peak(mix)
    return media.Soundtrack(_written(mix, gain, folder / "soundtrack.wav")), notes


def _own_sound(
    parts: Sequence[Part], info: VideoInfo, duration: Fraction, options: SoundOptions
) -> tuple[_Source | None, list[str]]:
    """The target's own sound: throughout as a background, else outside of spans."""
    background, timed = options.audio_mix == "background+speech", parts[0].spans is not None
    if not background and not timed:
        return None, []
    tracks = media.sound_tracks(info.path) if info.has_audio else 0
    if not tracks:
        said = f"{info.path}: has no sound for a background; the speech is heard alone"
        return None, [said] if background else []
    if options.background_track > tracks:
        raise OptionsError(
            f"option 'background_track': {info.path} has {tracks} sound tracks, "
            f"got {options.background_track}"
        )
    over = duration - info.duration
    ends = f"{info.path}: its sound ends {float(over):.1f} s before the output does"
    spans = [(float(s.start), float(s.end)) for part in parts for s in part.spans or ()]
    own = _Source(
        info.path,
        heard=None if background else _Envelope.of(spans),
        inverse=True,
        track=options.background_track - 1,
        skipped=media.sound_skipped(info),
    )
    return own, [ends] if over > Fraction(1, 2) else []


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
    start: Fraction = Fraction(0)  # seconds of the output at which its first sample is heard
    heard: _Envelope | None = None  # None: throughout
    inverse: bool = False  # heard where the envelope is not
    track: int = 0
    skipped: Fraction = Fraction(0)  # seconds of the file before its first sample


def _sources(parts: Sequence[Part]) -> list[_Source]:
    """Every file, once for all who speak from it; files of spans each in its place."""
    windows: dict[Path, list[tuple[float, float]]] = {}
    throughout: set[Path] = set()
    placed = []
    for part in parts:
        if part.spans is None:
            throughout.add(whole_of(part))
        for span in part.spans or ():
            window = (float(span.start), float(span.end))
            if span.audio is None:
                windows.setdefault(whole_of(part), []).append(window)
            else:
                placed.append(_Source(span.audio, span.start, _Envelope.of([window])))
    return [
        *(_Source(path) for path in sorted(throughout)),
        *(_Source(path, heard=_Envelope.of(spans)) for path, spans in windows.items()),
        *placed,
    ]


def _add(mix: NDArray[np.float32], source: _Source) -> None:
    """Add a file to the mix (n, channels)."""
    at = round(source.start * RATE)
    blocks = media.sound_blocks(source.path, RATE, mix.shape[1], source.track, source.skipped)
    with closing(blocks) as pieces:
        for piece in pieces:
            block = piece[: len(mix) - at]
            if not len(block):
                return
            if source.heard is not None:
                gain = source.heard.at((at + np.arange(len(block))) / RATE)
                block = block * (1 - gain if source.inverse else gain)[:, None]
            mix[at : at + len(block)] += block
            at += len(block)


def _within_peak(mix: NDArray[np.float32]) -> float:
    """The gain that keeps a mix (n, channels) from clipping; nothing is turned up."""
    peak = max(float(np.abs(mix[i : i + BLOCK]).max()) for i in range(0, len(mix), BLOCK))
    return PEAK / peak if peak > 1 else 1.0


def _turn(mix: NDArray[np.float32], gain: float) -> None:
    """Multiply a mix in place, piece by piece."""
    if gain != 1:
        for first in range(0, len(mix), BLOCK):
            mix[first : first + BLOCK] *= np.float32(gain)


def _written(mix: NDArray[np.float32], gain: float, path: Path) -> Path:
    """The mix as a file of 24-bit samples (RF64: beyond 4 GB as well)."""
    with soundfile.SoundFile(path, "w", RATE, mix.shape[1], "PCM_24", format="RF64") as file:
        for first in range(0, len(mix), BLOCK):
            file.write(np.clip(gain * mix[first : first + BLOCK], -1, 1))
    return path
