"""A folder of PNG pictures with their sound, and texts in a PNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.media.ffmpeg_process import FfmpegProcess, url
from lipsync.media.formats import FORMATS
from lipsync.media.output_sound import Soundtrack
from lipsync.types import U8

SOUND_NAME = "sound.wav"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = "XML:com.adobe.xmp"  # XMP specification, part 3, PNG
_TEXT_BYTES_MOST = 1 << 20
FAST = 2  # zlib's compression level: 9 is a tenth smaller and takes eight times as long


class FrameFolderWriter:
    """Writes frames into a folder, and their sound at the end."""

    def __init__(
        self, folder: Path, names: str, sound: Soundtrack | None, texts: Mapping[str, str]
    ):
        """`names`: a pattern with one number, from 1; `texts`: keyword → text, of every picture."""
        self._folder, self._names, self._sound = folder, names, sound
        self._texts = texts
        self._count = 0
        self.error_line = ""

    def feed(self, frame: U8) -> bool:
        """Write the next frame; False if that fails, see `error_line`."""
        import cv2

        bgr = np.ascontiguousarray(frame[..., ::-1])
        _, data = cv2.imencode(".png", bgr, (cv2.IMWRITE_PNG_COMPRESSION, FAST))
        try:
            place = self._folder / (self._names % (self._count + 1))
            place.write_bytes(add_png_texts(data.tobytes(), self._texts))
        except OSError as error:
            self.error_line = str(error.strerror or error)
            return False
        self._count += 1
        return True

    def finish(self) -> int:
        """Write the sound; 0: success."""
        if self.error_line:
            return 1
        if self._sound is None:
            return 0
        place = url(self._folder / SOUND_NAME)
        # A WAV has no start time: a late start becomes silence.
        sound = replace(self._sound, start_offset=self._sound.start_offset or Fraction(0))
        graph = sound.stream(FORMATS["/"]).output(
            place, format="wav", map_metadata=-1, rf64="auto", **{"c:a": "pcm_s16le"}
        )
        with FfmpegProcess(graph) as process:
            code = process.finish()
            self.error_line = process.error_line
        return code

    def __enter__(self) -> FrameFolderWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        """Nothing is open between two frames."""


def png_xmp_text(packet: str) -> dict[str, str]:
    """The PNG text that holds an XMP packet."""
    return {_XMP_KEYWORD: packet}


def _itxt(keyword: str, text: str) -> bytes:
    """An international text chunk (ISO 15948), uncompressed."""
    return keyword.encode("latin-1") + bytes(5) + text.encode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def add_png_texts(png: bytes, texts: Mapping[str, str]) -> bytes:
    """A PNG with texts, keyword → text, before its pixels."""
    head = len(_SIGNATURE) + 25  # behind IHDR
    chunks = b"".join(_chunk(b"iTXt", _itxt(k, t)) for k, t in texts.items())
    return png[:head] + chunks + png[head:]


def read_png_texts(path: Path) -> dict[str, str]:
    """Keyword → text of a PNG's uncompressed international texts; empty for any other file."""
    return dict(_texts(path))


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        if file.read(8) != _SIGNATURE:
            return
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":  # our texts come before the pixels
                return
            body = file.read(size + 4)[:-4] if size <= _TEXT_BYTES_MOST else file.seek(size + 4, 1)
            if kind == b"iTXt" and isinstance(body, bytes):
                keyword, _, rest = body.partition(b"\0")
                text = rest[2:].split(b"\0", 2)[-1]  # behind two flags, language, translation
                yield keyword.decode("latin-1"), text.decode("utf-8", "replace")
