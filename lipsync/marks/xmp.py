"""The XMP packet with the IPTC digital source type, in mp4, mov and PNG.

Photo and news software and platforms read it. It is a box or a chunk of its own: nothing else in
the file moves when it is added, and a program that rewrites the container leaves it out.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from lipsync._version import __version__
from lipsync.marks.origin import SOURCE_TYPE
from lipsync.media import Output, png_xmp_text
from lipsync.runtime.atomic import os_errors_as_output_errors

# XMP specification, part 3, MPEG-4: the uuid box that holds an XMP packet.
XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
# C2PA specification, "embedding manifests into BMFF": the uuid box that holds a manifest store.
C2PA_UUID = bytes.fromhex("D8FEC3D61B0E483C92975828877EC481")
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"

_PACKET_BYTES_MOST = 1 << 20  # a larger box is not ours and is not read


def write_packet(comment: str) -> str:
    """An XMP packet (ISO 16684-1) with the IPTC digital source type."""
    creator = quoteattr(f"lipsync {__version__}")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""'
        f' xmlns:Iptc4xmpExt="{IPTC_EXT}" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmlns:photoshop="{PHOTOSHOP}"'
        f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" xmp:CreatorTool={creator}'
        f" photoshop:Instructions={quoteattr(comment)}/></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    )


def embed_xmp(path: Path, output: Output | None, comment: str) -> None:
    """Append an XMP packet to a finished mp4 or mov; none of its boxes moves, nothing is read.

    Args:
        output: tells the container; others than mp4 and mov are left as they are. None: is mp4.

    Raises:
        OutputError: it cannot be written.
    """
    if output is not None and not output.format.boxes:
        return
    packet = write_packet(comment).encode()
    box = struct.pack(">I4s", 24 + len(packet), b"uuid") + XMP_UUID + packet
    with os_errors_as_output_errors(path), path.open("ab") as file:
        file.write(box)


def picture_texts(comment: str) -> dict[str, str]:
    """The texts of every picture in a folder of frames."""
    return {"Comment": comment, **png_xmp_text(write_packet(comment))}


def read_packet(path: Path) -> bytes | None:
    """The XMP packet of an mp4 or mov; None: it has none."""
    return _read_uuid_box(path, XMP_UUID, _PACKET_BYTES_MOST)


def has_manifest_box(path: Path) -> bool:
    """Whether an mp4 or mov holds a C2PA manifest store, readable or not."""
    return _read_uuid_box(path, C2PA_UUID, None) is not None


def find_property(packet: bytes | None, namespace: str, name: str) -> str | None:
    """A property of an XMP packet, as an attribute or as an element: XMP allows both."""
    if packet is None or b"<!" in packet:  # no XMP writer declares entities; never expand them
        return None
    key = f"{{{namespace}}}{name}"
    try:
        root = ElementTree.fromstring(packet.decode("utf-8").strip())  # noqa: S314
    except (ElementTree.ParseError, UnicodeDecodeError):
        return None
    for node in root.iter():
        if node.tag == key and node.text:
            return node.text.strip()
        if key in node.attrib:
            return node.attrib[key]
    return None


def _read_uuid_box(path: Path, uuid: bytes, bytes_most: int | None) -> bytes | None:
    """The content behind the uuid of the first such box; None: there is none.

    Args:
        bytes_most: larger boxes are skipped; None: of any size, and only its beginning is read.
    """
    with path.open("rb") as file:
        for kind, body, size in _boxes(file):
            if kind != b"uuid" or size <= 16 or (bytes_most is not None and size > bytes_most):
                continue
            file.seek(body)
            content = file.read(16 if bytes_most is None else size)
            if content.startswith(uuid):
                return content[16:]
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
