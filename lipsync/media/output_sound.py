"""The sound of an output: where it comes from, and how it is coded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from lipsync.errors import OptionsError
from lipsync.media.ffmpeg_process import url
from lipsync.media.formats import SOUND_CODECS, Format
from lipsync.media.sound import probe_audio
from lipsync.media.sound_faults import mended
from lipsync.media.sound_tracks import copies_in_sync
from lipsync.types import AudioInfo

AudioCodec = Literal["auto", "copy", "aac", "alac", "flac", "opus"]

# AAC that every player knows; xHE-AAC, LD and others are silent in many.
_COMMON_AAC = frozenset(("LC", "HE-AAC", "HE-AACv2", ""))

_COPY: Mapping[str, str] = {"c:a": "copy"}


@dataclass(frozen=True)
class Soundtrack:
    """A sound stream of a file, on the time line of the output."""

    path: Path
    ends: Fraction | None = None  # seconds of the output at which it is cut; None: not at all
    # Seconds of the file before the output begins; missing sound is filled with silence.
    # None: the stream keeps its own timestamps.
    start_offset: Fraction | None = None
    track: int | None = None  # number among the sound streams; None: the default one
    codec: AudioCodec = "auto"  # of the output, see `EncodeOptions.audio_codec`

    @property
    def info(self) -> AudioInfo:
        """Its properties.

        Raises:
            MediaError, AudioError: as `probe_audio`.
        """
        return probe_audio(self.path, self.track)

    def coding(self, form: Format) -> Mapping[str, str]:
        """ffmpeg's options for it in an output of that format.

        Raises:
            MediaError, AudioError: there is no sound.
        """
        if self.codec not in ("auto", "copy"):
            return SOUND_CODECS[self.codec]
        info, copied = self.info, self.codec == "copy"
        plays = info.codec in (form.copyable if copied else form.copied)
        if not copied and form.boxes and info.codec == "aac":
            plays = plays and info.profile in _COMMON_AAC
        return _COPY if plays and self.copyable else form.sound

    def stream(self, form: Format) -> Any:
        """The ffmpeg stream for `coding(form)`: as it is for a copy, else mended, without holes."""
        start_offset, info = self.start_offset or Fraction(0), self.info
        cut = {} if self.ends is None else {"t": f"{float(self.ends + start_offset):.6f}"}
        late = {"itsoffset": f"{float(-start_offset):.6f}"} if start_offset else {}
        stream = ffmpeg.input(url(self.path), **cut, **late)[f"a:{info.track}"]
        if self.coding(form) == _COPY:
            return stream
        if info.broken:
            stream = mended(stream)
        if info.voice is not None:
            one = f"c{info.voice}"
            stream = stream.filter("aformat", channel_layouts="stereo")
            stream = stream.filter("pan", args=f"stereo|c0={one}|c1={one}")
        return stream.filter("aresample", first_pts=0, **{"async": 1})

    @property
    def copyable(self) -> bool:
        """Its samples are not modified, and a copy is in sync."""
        whole = self.start_offset is None and not self.info.broken and self.info.voice is None
        return whole and copies_in_sync(self.path, self.info.track)


def check_audio_codec(form: Format, codec: AudioCodec) -> None:
    """Find out before the work whether an output can hold its sound as asked.

    Raises:
        OptionsError: it cannot.
    """
    if codec in ("auto", "copy") or codec in form.encoders:
        return
    if not form.encoders:
        raise OptionsError(f"option 'audio_codec': a folder of frames has a .wav, got {codec!r}")
    can = ", ".join(form.encoders)
    raise OptionsError(f"option 'audio_codec': {form.title} takes {can}, got {codec!r}")


def find_coding_changes(sound: Soundtrack | None, form: Format) -> tuple[str, ...]:
    """A warning if the sound was to be copied and cannot be."""
    if sound is None or sound.codec != "copy" or form.frames:
        return ()
    coding, info = sound.coding(form), sound.info
    if coding == _COPY:
        return ()
    why = "a copy would not be in sync" if info.codec in form.copyable else (
        f"{form.title} cannot hold {info.codec}"
    )  # fmt: skip
    name = coding["c:a"].removeprefix("lib")
    return (f"{sound.path}: its sound was encoded as {name}, not copied: {why}",)
