"""Output formats: containers, what they hold, and how their streams are coded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lipsync.errors import OutputError

_TEXT = frozenset(("subrip", "ass", "mov_text", "webvtt", "text"))
SOUND_CODECS: Mapping[str, Mapping[str, str]] = {
    "aac": {"c:a": "aac", "b:a": "192k"},
    "alac": {"c:a": "alac"},
    # Lossless and without encoder delay, which Matroska's millisecond timestamps would round.
    "flac": {"c:a": "flac"},
    "opus": {"c:a": "libopus", "b:a": "160k"},
}


@dataclass(frozen=True)
class Format:
    """An output container and its codecs."""

    suffix: str
    muxer: str  # in ffmpeg's names
    sound: Mapping[str, str]  # codec options of sound that is not copied
    copied: frozenset[str] = frozenset()  # sound codecs that every player of it knows
    copyable: frozenset[str] = frozenset()  # those that it can hold at all
    encoders: tuple[str, ...] = ()  # of SOUND_CODECS that it can hold
    vp9: bool = False  # else H.264, or HEVC for more than 8 bits
    # Subtitle codec of the target → output codec.
    subtitles: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)  # of the muxer

    @property
    def boxes(self) -> bool:
        """Consists of ISO 14496-12 boxes."""
        return self.muxer in ("mp4", "mov")

    @property
    def frames(self) -> bool:
        """A folder of pictures."""
        return self.muxer == "png"

    @property
    def title(self) -> str:
        """What to call it in a message."""
        return "a pipe" if self.pipe else f"an {self.suffix}" if self.boxes else f"a {self.suffix}"

    @property
    def pipe(self) -> bool:
        """Standard output."""
        return self.suffix == "-"


# Playback can start before the whole file has been loaded.
_INDEX_FIRST = {"movflags": "+faststart"}
_MATROSKA_SUBTITLES = {
    **dict.fromkeys(("subrip", "ass", "webvtt", "dvd_subtitle", "dvb_subtitle"), "copy"),
    "hdmv_pgs_subtitle": "copy",
    "mov_text": "subrip",
    "text": "subrip",
}
_MATROSKA_SOUND = frozenset(("aac", "flac", "opus", "pcm_s16le", "pcm_s24le", "pcm_f32le"))
_MATROSKA_HOLDS = _MATROSKA_SOUND | {"mp3", "ac3", "eac3", "alac", "vorbis", "dts", "truehd"}
# MP3, Opus, FLAC and others may be in these boxes, but QuickTime or a browser plays them silently.
_PLAYS_IN_BOXES = frozenset(("aac",))
FORMATS = {
    f.suffix: f
    for f in (
        Format(
            ".mp4",
            "mp4",
            SOUND_CODECS["aac"],
            _PLAYS_IN_BOXES,
            _PLAYS_IN_BOXES | {"mp3", "ac3", "eac3", "alac", "flac", "opus"},
            ("aac", "alac", "flac", "opus"),
            subtitles=dict.fromkeys(_TEXT, "mov_text"),
            flags=_INDEX_FIRST,
        ),
        Format(
            ".mov",
            "mov",
            SOUND_CODECS["aac"],
            _PLAYS_IN_BOXES,
            _PLAYS_IN_BOXES | {"mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le"},
            ("aac", "alac"),
            subtitles=dict.fromkeys(_TEXT, "mov_text"),
            flags=_INDEX_FIRST,
        ),
        Format(
            ".mkv",
            "matroska",
            SOUND_CODECS["flac"],
            _MATROSKA_SOUND,
            _MATROSKA_HOLDS,
            ("aac", "alac", "flac", "opus"),
            subtitles=_MATROSKA_SUBTITLES,
        ),
        Format(
            ".webm",
            "webm",
            SOUND_CODECS["opus"],
            frozenset(("opus",)),
            frozenset(("opus", "vorbis")),
            ("opus",),
            vp9=True,
            subtitles=dict.fromkeys(_TEXT, "webvtt"),
        ),
        Format("/", "png", {"c:a": "pcm_s16le"}),
        Format(
            "-",
            "matroska",
            SOUND_CODECS["flac"],
            _MATROSKA_SOUND,
            _MATROSKA_HOLDS,
            ("aac", "alac", "flac", "opus"),
        ),
    )
}
FRAME_NAMES = "%06d.png"
_PATTERN = re.compile(r"[^%]*%(0\d)?d[^%]*\.png")


@dataclass(frozen=True)
class Output:
    """The destination of a result, and its format."""

    path: Path  # of the file, of the folder of frames, or "-"
    format: Format
    frame_names: str = FRAME_NAMES  # in a folder of frames; the first is number 1

    @staticmethod
    def parse(name: str | Path) -> Output:
        """Parse what a user writes.

        An .mp4, .mov, .mkv or .webm; `frames/` or `frames/%06d.png`: a folder of PNG pictures and
        their sound; `-`: Matroska on standard output.

        Raises:
            OutputError: none of these.
        """
        path = Path(name)
        if str(name) == "-":
            return Output(path, FORMATS["-"])
        if _PATTERN.fullmatch(path.name):
            return Output(path.parent, FORMATS["/"], path.name)
        if str(name).endswith(("/", "\\")) or (not path.suffix and path.is_dir()):
            return Output(path, FORMATS["/"])
        found = FORMATS.get(path.suffix.lower())
        if found is None:
            known = ", ".join(suffix for suffix in FORMATS if suffix.startswith("."))
            raise OutputError(
                f"{path}: only {known}, a folder of PNG pictures (frames/ or frames/%06d.png) or - "
                "for a pipe can be written; choose a name like one of these"
            )
        return Output(path, found)
