"""Reading the provenance marks of a video or of a folder of frames."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

from lipsync.errors import MediaError
from lipsync.media import container_tags, png_xmp_text, read_png_texts
from lipsync.report.provenance import (
    IPTC_EXT,
    SOURCE_TAG,
    XMP_UUID,
    hash_output,
    sidecar_path,
)

_XMP_BYTES_MOST = 1 << 20


@dataclass(frozen=True)
class Marks:
    """The provenance marks of a file; None where it has none."""

    comment: str | None
    source_type: str | None
    sidecar: dict[str, Any] | None
    sidecar_fits: bool | None  # its hash matches the file


def read_marks(path: Path) -> Marks:
    """Read all marks of a video, or of a folder of frames.

    Raises:
        MediaError: not media, or missing.
    """
    if path.is_dir():
        first = next(iter(sorted(path.glob("*.png"))), None)
        texts = read_png_texts(first) if first else {}
        comment = texts.get("Comment")
        packet = next((text for name, text in texts.items() if name in png_xmp_text("")), "")
        source_type = _find_source_type(packet.encode())
    else:
        tags = container_tags(path)
        comment = tags.get("comment") or None
        source_type = _source_type(path) or tags.get(SOURCE_TAG)
    record = _read_sidecar(path)
    fits = record["output"]["sha256"] == hash_output(path) if record else None
    return Marks(comment, source_type, record, fits)


def _read_sidecar(path: Path) -> dict[str, Any] | None:
    place = sidecar_path(path)
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise MediaError(f"{place}: is not a JSON file that can be read") from None
    if not isinstance(record, dict) or "sha256" not in record.get("output", ()):
        return None  # a JSON file of another program
    return record


def _source_type(path: Path) -> str | None:
    """The IPTC digital source type in an mp4's XMP packet; None: it has none."""
    with path.open("rb") as file:
        for kind, body, size in _boxes(file):
            if kind != b"uuid" or not 16 < size <= _XMP_BYTES_MOST:
                continue
            file.seek(body)
            content = file.read(size)
            if content.startswith(XMP_UUID):
                return _find_source_type(content[16:])
    return None


def _find_source_type(packet: bytes) -> str | None:
    """The value, as an attribute or as an element: XMP allows both."""
    if b"<!" in packet:  # no XMP writer declares entities; never expand them
        return None
    name = f"{{{IPTC_EXT}}}DigitalSourceType"
    try:
        root = ElementTree.fromstring(packet.decode("utf-8").strip())  # noqa: S314
    except (ElementTree.ParseError, UnicodeDecodeError):
        return None
    for node in root.iter():
        if node.tag == name and node.text:
            return node.text.strip()
        if name in node.attrib:
            return node.attrib[name]
    return None


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(type, offset of the body, bytes in it) of every top-level box of an mp4 (ISO 14496-12)."""
    end = os.fstat(file.fileno()).st_size
    at = 0
    while at + 8 <= end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            size, header = int.from_bytes(file.read(8), "big"), 16
        elif size == 0:
            size = end - at
        if size < header or at + size > end:
            return
        yield kind, at + header, size - header
        at += size
