"""What a file is, by its first bytes: sound, video, a picture, or nothing that is taken.

ffmpeg reads much more than media: playlists and manifests, which make it open other files and
addresses, and archives. What comes from outside is read only if it begins as a known container
does, and holds none of the marks by which ffmpeg would take it for one of those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lipsync.jobs.service.refusal import Refusal

HEAD = 1 << 20  # bytes that ffmpeg looks at to tell the format
# By these anywhere in the head, ffmpeg takes a text for a manifest.
_MANIFESTS = (b"dash:profile", b"<compositionplaylist", b"#extm3u", b"ffconcat version", b"<smil")


@dataclass(frozen=True)
class FileKind:
    """A format."""

    suffix: str
    kind: str  # VIDEO, AUDIO or IMAGE
    begins: Callable[[bytes], bool]


def _starts(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == form


def _boxes(head: bytes) -> bool:
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")


def _sound_boxes(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in (b"M4A ", b"M4B ")


def _transport_stream(head: bytes) -> bool:
    return len(head) > 188 and head[0] == head[188] == 0x47


def _frame_sync(head: bytes) -> bool:
    """MPEG audio or ADTS."""
    return len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0


KINDS = (
    FileKind(".m4a", "AUDIO", _sound_boxes),
    FileKind(".mp4", "VIDEO", _boxes),
    FileKind(".mkv", "VIDEO", _starts(b"\x1a\x45\xdf\xa3")),
    FileKind(".avi", "VIDEO", _riff(b"AVI ")),
    FileKind(".ts", "VIDEO", _transport_stream),
    FileKind(".mpg", "VIDEO", _starts(b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")),
    FileKind(".flv", "VIDEO", _starts(b"FLV\x01")),
    FileKind(".wmv", "VIDEO", _starts(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    FileKind(".mxf", "VIDEO", _starts(b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02")),
    FileKind(".wav", "AUDIO", _riff(b"WAVE")),
    FileKind(".ogg", "AUDIO", _starts(b"OggS")),
    FileKind(".flac", "AUDIO", _starts(b"fLaC")),
    FileKind(".aiff", "AUDIO", _starts(b"FORM")),
    FileKind(".caf", "AUDIO", _starts(b"caff")),
    FileKind(".amr", "AUDIO", _starts(b"#!AMR")),
    FileKind(".png", "IMAGE", _starts(b"\x89PNG\r\n\x1a\n")),
    FileKind(".webp", "IMAGE", _riff(b"WEBP")),
    FileKind(".bmp", "IMAGE", _starts(b"BM")),
    FileKind(".gif", "IMAGE", _starts(b"GIF8")),
    FileKind(".tiff", "IMAGE", _starts(b"II*\x00", b"MM\x00*")),
    FileKind(".jpg", "IMAGE", _starts(b"\xff\xd8\xff")),
    FileKind(".mp3", "AUDIO", _starts(b"ID3")),
    FileKind(".mp3", "AUDIO", _frame_sync),
)


def tell_kind(head: bytes, what: str) -> FileKind:
    """The format of a file.

    Args:
        head: its first HEAD bytes, or all of it.

    Raises:
        Refusal: it is none that is taken.
    """
    kind = next((one for one in KINDS if one.begins(head)), None)
    lower = head.lower()
    if kind is None or any(mark in lower for mark in _MANIFESTS):
        raise Refusal(
            400, "not_media", f"{what}: is not a video, picture or sound file that is taken"
        )
    return kind
