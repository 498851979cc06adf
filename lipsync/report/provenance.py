"""What a result says about itself: that its mouth was generated, by what, and from what.

Three marks, each of which survives something that another does not: a comment in the container
(shown by players, kept by remuxing), an XMP packet with the IPTC digital source type (read by
photo and news software and by platforms), and a JSON file beside the video with every hash.
Matroska has no place for XMP: there the source type is a tag. Of a folder of frames every picture
has comment and XMP. A pipe has the tags.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from lipsync._version import __version__
from lipsync.errors import MediaError
from lipsync.media import Output, container_tags, png_texts, xmp_text
from lipsync.runtime.atomic import refusals, whole
from lipsync.runtime.hashing import sha256

# IPTC NewsCodes, "digitalsourcetype": real footage combined with generated elements.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
# XMP specification, part 3, MPEG-4: the uuid box that holds an XMP packet.
XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_XMP_BYTES_MOST = 1 << 20

GENERATED_MOUTH = f"made with lipsync {__version__}: the mouth in this video was generated"
GENERATED_FACE = (
    f"made with lipsync {__version__}: the face in this video was replaced by a generated one of "
    "another person"
)
_SOURCE_TAG = "digital_source_type"
# Of every container; one that has no place for the second (mp4, mov) leaves it out.
TAGS = {"comment": GENERATED_MOUTH, _SOURCE_TAG: SOURCE_TYPE}


@dataclass(frozen=True)
class ModelCard:
    """One trained part that took part, as the sidecar names it."""

    name: str
    version: str
    sha256: str
    licence: str

    @staticmethod
    def of(meta: Mapping[str, Any], weights: Path) -> ModelCard:
        """From what weights say of themselves, and their file."""
        return ModelCard(
            name=str(meta.get("name", "unnamed")),
            version=str(meta.get("version", "unknown")),
            sha256=sha256(weights),
            licence=str(meta.get("licence", "not stated")),
        )


@dataclass(frozen=True)
class Mark:
    """What a file says of itself; None where it says nothing."""

    comment: str | None
    source_type: str | None
    sidecar: dict[str, Any] | None
    sidecar_fits: bool | None  # the sidecar's hash is that of the file


def texts(comment: str = GENERATED_MOUTH) -> dict[str, str]:
    """What every picture of a folder of frames says of itself."""
    return {"Comment": comment, **xmp_text(_xmp(comment))}


def mark(path: Path, output: Output | None = None, comment: str = GENERATED_MOUTH) -> None:
    """Append an XMP packet to a finished mp4 or mov: no box in it moves, nothing is read.

    Args:
        output: what `path` is; other containers are left as they are. None: made of boxes.

    Raises:
        OutputError: it cannot be written.
    """
    if output is not None and not output.format.boxes:
        return
    packet = _xmp(comment).encode()
    box = struct.pack(">I4s", 24 + len(packet), b"uuid") + XMP_UUID + packet
    with refusals(path), path.open("ab") as file:
        file.write(box)


def _xmp(comment: str) -> str:
    """An XMP packet (ISO 16684-1) with the IPTC digital source type."""
    creator = quoteattr(f"lipsync {__version__}")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""'
        f' xmlns:Iptc4xmpExt="{_IPTC_EXT}" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" xmp:CreatorTool={creator}'
        f" photoshop:Instructions={quoteattr(comment)}/></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    )


def sidecar_path(output: Path) -> Path:
    """`clip.mp4` → `clip.mp4.json`, `frames/` → `frames.json` beside it."""
    output = output if output.name else output.resolve()
    return output.with_name(output.name + ".json")


def write_sidecar(
    output: Path,
    finished: Path,
    *,
    inputs: Mapping[str, Path],
    models: Iterable[ModelCard],
    options: Mapping[str, Any],
    frames: int,
    fps: Any,
    changed: Iterable[tuple[int, int]],
    statement: str = GENERATED_MOUTH,
    consent: str | None = None,
    place: Path | None = None,
    digest: str | None = None,
    speakers: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write `<output>.json`: what the video was made from, with what, and where it differs.

    Args:
        output: the name that the video has or will have.
        finished: where its complete bytes are now (inside `seal`, the temporary file).
        inputs: role → file, e.g. audio and video.
        models: the trained parts used.
        options: JSON-able, by their plain names.
        frames: in the output.
        fps: of the output, written exactly ("30000/1001").
        changed: (first, end) of every run of frames whose picture was changed; end exclusive.
        statement: what was generated.
        consent: who agreed to what, in the words of whoever made the video.
        place: of the sidecar; None: beside the output.
        digest: of the output, where there is no file to take it from.
        speakers: who speaks what, with which face, where; JSON-able.

    Returns:
        The sidecar's path.

    Raises:
        OutputError: it cannot be written.
    """
    record = {
        "lipsync": __version__,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "statement": statement,
        **({"consent": consent} if consent is not None else {}),
        "digital_source_type": SOURCE_TYPE,
        "output": {"name": output.name, "sha256": digest or _digest(finished)},
        "inputs": {
            role: {"name": path.name, "sha256": sha256(path)} for role, path in inputs.items()
        },
        "speakers": list(speakers),
        "models": [vars(model) for model in models],
        "options": dict(options),
        "frames": frames,
        "fps": str(fps),
        "changed_frames": [[first, end] for first, end in changed],
    }
    place = place or sidecar_path(output)
    with whole(place) as temporary, refusals(place):
        text = json.dumps(record, indent=2, ensure_ascii=False, default=str)
        temporary.write_text(text + "\n", encoding="utf-8")
    return place


def _digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of the lines `sha256sum *` prints for it."""
    if not path.is_dir():
        return sha256(path)
    lines = (f"{sha256(file)}  {file.name}\n" for file in sorted(path.iterdir()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_mark(path: Path) -> Mark:
    """Read every mark of a video, or of a folder of frames, back.

    Raises:
        MediaError: not media, or missing.
    """
    if path.is_dir():
        first = next(iter(sorted(path.glob("*.png"))), None)
        said = png_texts(first) if first else {}
        comment = said.get("Comment")
        packet = next((text for name, text in said.items() if name in xmp_text("")), "")
        source_type = _find_source_type(packet.encode())
    else:
        tags = container_tags(path)
        comment = tags.get("comment") or None
        source_type = _source_type(path) or tags.get(_SOURCE_TAG)
    record = _read_sidecar(path)
    fits = record["output"]["sha256"] == _digest(path) if record else None
    return Mark(comment, source_type, record, fits)


def _read_sidecar(path: Path) -> dict[str, Any] | None:
    place = sidecar_path(path)
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise MediaError(f"{place}: is not a JSON file that can be read") from None
    if not isinstance(record, dict) or "sha256" not in record.get("output", ()):
        return None  # somebody else's file
    return record


def _source_type(path: Path) -> str | None:
    """The IPTC digital source type in the XMP packet, if there is one."""
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
    """Look in attributes and in elements: XMP allows both."""
    if b"<!" in packet:  # no XMP writer declares entities; never expand a stranger's
        return None
    name = f"{{{_IPTC_EXT}}}DigitalSourceType"
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
