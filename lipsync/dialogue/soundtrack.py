"""The sound of the result.

Without spans, a single speaker's file is used unchanged; several are mixed. With spans, the speech
is heard inside each span and the target's own sound outside, with a short cross-fade just outside
the span, so that no speech is faded. A span's own file starts with the span and is cut at its end.
A background is the target's own sound throughout.

Mixing happens on disk, block by block: hours of sound do not fill the memory.
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
from lipsync.dialogue.driving_audio import describe_faults
from lipsync.dialogue.speaker_parts import SpeakerPart
from lipsync.errors import OptionsError
from lipsync.runtime.option_spec import option_group
from lipsync.runtime.wording import count_of
from lipsync.types import F32, AudioInfo, VideoInfo

RATE = 48000  # Hz, of the mix
CROSS_FADE_S = 0.03
PEAK = 0.891  # −1 dB of full scale: a mix that would clip is scaled down to it
BLOCK = 1 << 18  # samples processed at a time


@option_group
class SoundOptions:
    """Options of the result's sound."""

    audio_mix: Literal["speech", "background+speech"] = "speech"
    """speech: where the speech is heard, the target's own sound is silent; background+speech: the
    target's own sound plays under it from the beginning, both at their recorded level."""
    audio_track: Annotated[int, Field(ge=1)] | None = None
    """Which sound track of the speech files is the speech; the first is 1. Default: the one that
    the file marks as its default."""
    background_track: Annotated[int, Field(ge=1)] | None = None
    """Which of the target's sound tracks is its own sound; the first is 1. Default: the one that
    the file marks as its default."""

    @property
    def speech_track(self) -> int | None:
        """`audio_track` counted from 0."""
        return None if self.audio_track is None else self.audio_track - 1


def build_soundtrack(
    parts: Sequence[SpeakerPart],
    info: VideoInfo,
    duration: Fraction,
    options: SoundOptions,
    folder: Path,
) -> tuple[media.Soundtrack, list[str]]:
    """Build the sound of the whole output.

    Args:
        info: the target.
        duration: seconds of the output.
        folder: for a mix; a single file is used where it is.

    Returns:
        The soundtrack, and warnings, one line each.

    Raises:
        MediaError, AudioError: a file is missing, unreadable, or holds no sound.
        OptionsError: the target has no such track.
    """
    own, notes = _target_sound(parts, info, duration, options)
    if own is None and len(parts) == 1 and parts[0].spans is None:
        path, track = parts[0].audio, options.speech_track
        cut = duration < media.probe_audio(path, track).duration
        return media.Soundtrack(path, duration if cut else None, track=track), notes
    sources = _speech_sources(parts, options.speech_track)
    channels = [one.info.channels for one in (*sources, *([own] if own else []))]
    shape = (max(1, round(duration * RATE)), 2 if max(channels) > 1 else 1)
    mix = np.memmap(folder / "mix.f32", np.float32, "w+", shape=shape)
    for source in sources:
        _mix_in(mix, source)
    gain = 1.0
    if own is not None and own.envelope is not None:
        # The target's own sound is heard only where the speech is not: it keeps its level.
        _scale(mix, _peak_gain(mix))
        _mix_in(mix, own)
    else:
        if own is not None:
            _mix_in(mix, own)
        gain = _peak_gain(mix)
    return media.Soundtrack(_write(mix, gain, folder / "soundtrack.wav")), notes


def _target_sound(
    parts: Sequence[SpeakerPart], info: VideoInfo, duration: Fraction, options: SoundOptions
) -> tuple[_Source | None, list[str]]:
    """The target's own sound (as a background, or outside the spans), and warnings."""
    background, timed = options.audio_mix == "background+speech", parts[0].spans is not None
    if not background and not timed:
        return None, []
    tracks = media.count_sound_tracks(info.path) if info.has_audio else 0
    if not tracks:
        note = f"{info.path}: has no sound for a background; the speech is heard alone"
        return None, [note] if background else []
    if (options.background_track or 1) > tracks:
        raise OptionsError(
            f"option 'background_track': {info.path} has {count_of(tracks, 'sound track')}, "
            f"got {options.background_track}"
        )
    over = duration - info.duration
    ends = f"{info.path}: its sound ends {float(over):.1f} s before the output does"
    spans = [(float(s.start), float(s.end)) for part in parts for s in part.spans or ()]
    own = _Source(
        info.path,
        envelope=None if background else _Envelope.of(spans),
        inverse=True,
        track=None if options.background_track is None else options.background_track - 1,
        start_offset=media.sound_start_offset(info),
    )
    faults = describe_faults(info.path, own.info)
    return own, [*([ends] if over > Fraction(1, 2) else []), *faults]


@dataclass(frozen=True, eq=False)
class _Envelope:
    """A gain of 1 inside some spans and 0 outside, with cross-fades just outside them."""

    times: NDArray[np.float64]
    gains: NDArray[np.float64]

    @staticmethod
    def of(spans: Iterable[tuple[float, float]]) -> _Envelope:
        """The envelope of spans (s); those less than two cross-fades apart are joined."""
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

    def gain_at(self, times: NDArray[np.float64]) -> F32:
        """(n,), at times in seconds."""
        return np.interp(times, self.times, self.gains, left=0, right=0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Source:
    """A file in the mix."""

    path: Path
    start: Fraction = Fraction(0)  # of its first sample, seconds of the output
    envelope: _Envelope | None = None  # None: throughout
    inverse: bool = False  # play with the gain 1 − envelope
    track: int | None = None
    start_offset: Fraction = Fraction(0)  # seconds of the file before its first sample

    @property
    def info(self) -> AudioInfo:
        """Its properties."""
        return media.probe_audio(self.path, self.track)


def _speech_sources(parts: Sequence[SpeakerPart], track: int | None) -> list[_Source]:
    """Every speaker's file, once however many share it, and the spans' own files."""
    windows: dict[Path, list[tuple[float, float]]] = {}
    throughout: set[Path] = set()
    placed = []
    for part in parts:
        if part.spans is None:
            throughout.add(part.audio)
        for span in part.spans or ():
            window = (float(span.start), float(span.end))
            if span.audio is None:
                windows.setdefault(part.audio, []).append(window)
            else:
                placed.append(_Source(span.audio, span.start, _Envelope.of([window]), track=track))
    return [
        *(_Source(path, track=track) for path in sorted(throughout)),
        *(
            _Source(path, envelope=_Envelope.of(spans), track=track)
            for path, spans in windows.items()
        ),
        *placed,
    ]


def _mix_in(mix: NDArray[np.float32], source: _Source) -> None:
    """Add a file to the mix (n, channels)."""
    at = round(source.start * RATE)
    blocks = media.read_audio_blocks(
        source.path, RATE, mix.shape[1], source.track, source.start_offset, source.info.voice
    )
    with closing(blocks) as pieces:
        for piece in pieces:
            block = piece[: len(mix) - at]
            if not len(block):
                return
            if source.envelope is not None:
                gain = source.envelope.gain_at((at + np.arange(len(block))) / RATE)
                block = block * (1 - gain if source.inverse else gain)[:, None]
            mix[at : at + len(block)] += block
            at += len(block)


def _peak_gain(mix: NDArray[np.float32]) -> float:
    """The gain, at most 1, that keeps a mix (n, channels) from clipping."""
    peak = max(float(np.abs(mix[i : i + BLOCK]).max()) for i in range(0, len(mix), BLOCK))
    return PEAK / peak if peak > 1 else 1.0


def _scale(mix: NDArray[np.float32], gain: float) -> None:
    """Multiply a mix in place, block by block."""
    if gain != 1:
        for first in range(0, len(mix), BLOCK):
            mix[first : first + BLOCK] *= np.float32(gain)


def _write(mix: NDArray[np.float32], gain: float, path: Path) -> Path:
    """Write the mix with 24-bit samples (RF64, for more than 4 GB)."""
    with soundfile.SoundFile(path, "w", RATE, mix.shape[1], "PCM_24", format="RF64") as file:
        for first in range(0, len(mix), BLOCK):
            file.write(np.clip(gain * mix[first : first + BLOCK], -1, 1))
    return path
