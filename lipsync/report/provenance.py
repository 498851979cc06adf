"""Provenance marks of a result: that it was generated, by what, and from what.

Three marks, each of which survives something that the others do not: a comment in the container
(shown by players, kept by remuxing), an XMP packet with the IPTC digital source type (read by
photo and news software and by platforms), and a JSON sidecar with the hash of every file. Matroska
has no place for XMP: there the source type is a tag. In a folder of frames every picture has
comment and XMP. A pipe has the tags.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from lipsync._version import __version__
from lipsync.media import Output, png_xmp_text
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.hashing import hash_file

# IPTC NewsCodes, "digitalsourcetype": real footage combined with generated elements.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
# XMP specification, part 3, MPEG-4: the uuid box that holds an XMP packet.
XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

GENERATED_MOUTH = f"made with lipsync {__version__}: the mouth in this video was generated"
GENERATED_FACE = (
    f"made with lipsync {__version__}: the face in this video was replaced by a generated one of "
    "another person"
)
SOURCE_TAG = "digital_source_type"
# Tags of every container; one that cannot hold the second (mp4, mov) omits it.
TAGS = {"comment": GENERATED_MOUTH, SOURCE_TAG: SOURCE_TYPE}


@dataclass(frozen=True)
class ModelCard:
    """A trained model that was used, as the sidecar lists it."""

    name: str
    version: str
    sha256: str
    licence: str

    @staticmethod
    def of(meta: Mapping[str, Any], weights: Path) -> ModelCard:
        """Take the card from the metadata of weights, and from their file."""
        return ModelCard(
            name=str(meta.get("name", "unnamed")),
            version=str(meta.get("version", "unknown")),
            sha256=hash_file(weights),
            licence=str(meta.get("licence", "not stated")),
        )


@dataclass(frozen=True)
class SidecarRecord:
    """What a sidecar says: what a video was made from, with what, and where it was changed."""

    inputs: Mapping[str, Path]  # role → file, e.g. audio and video
    models: Iterable[ModelCard]  # the trained models used
    options: Mapping[str, Any]  # JSON-able, by their plain names
    frames: int  # in the output
    fps: Any  # of the output, written exactly ("30000/1001")
    changed: Iterable[tuple[int, int]]  # (first, end) of every run of changed frames
    statement: str = GENERATED_MOUTH
    consent: str | None = None  # who agreed to what, in the words of the video's maker
    speakers: Iterable[Mapping[str, Any]] = ()  # who speaks what, with which face; JSON-able


def picture_texts(comment: str = GENERATED_MOUTH) -> dict[str, str]:
    """The texts of every picture in a folder of frames."""
    return {"Comment": comment, **png_xmp_text(_xmp(comment))}


def embed_xmp(path: Path, output: Output | None = None, comment: str = GENERATED_MOUTH) -> None:
    """Append an XMP packet to a finished mp4 or mov; none of its boxes moves, nothing is read.

    Args:
        output: tells the container; others than mp4 and mov are left as they are. None: is mp4.

    Raises:
        OutputError: it cannot be written.
    """
    if output is not None and not output.format.boxes:
        return
    packet = _xmp(comment).encode()
    box = struct.pack(">I4s", 24 + len(packet), b"uuid") + XMP_UUID + packet
    with os_errors_as_output_errors(path), path.open("ab") as file:
        file.write(box)


def _xmp(comment: str) -> str:
    """An XMP packet (ISO 16684-1) with the IPTC digital source type."""
    creator = quoteattr(f"lipsync {__version__}")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""'
        f' xmlns:Iptc4xmpExt="{IPTC_EXT}" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        f' Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" xmp:CreatorTool={creator}'
        f" photoshop:Instructions={quoteattr(comment)}/></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    )


def sidecar_path(output: Path) -> Path:
    """`clip.mp4` → `clip.mp4.json`, `frames/` → `frames.json` next to it."""
    output = output if output.name else output.resolve()
    return output.with_name(output.name + ".json")


def write_sidecar(
    record: SidecarRecord,
    output: Path,
    finished: Path,
    *,
    place: Path | None = None,
    digest: str | None = None,
) -> Path:
    """Write `<output>.json`.

    Args:
        output: the name that the video has or will have.
        finished: where its complete bytes are now (inside `finalize`, the temporary file).
        place: of the sidecar; None: next to the output.
        digest: of the output, where there is no file to compute it from.

    Returns:
        The sidecar's path.

    Raises:
        OutputError: it cannot be written.
    """
    values = {
        "lipsync": __version__,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "statement": record.statement,
        **({"consent": record.consent} if record.consent is not None else {}),
        "digital_source_type": SOURCE_TYPE,
        "output": {"name": output.name, "sha256": digest or hash_output(finished)},
        "inputs": {
            role: {"name": path.name, "sha256": hash_file(path)}
            for role, path in record.inputs.items()
        },
        "speakers": list(record.speakers),
        "models": [vars(model) for model in record.models],
        "options": dict(record.options),
        "frames": record.frames,
        "fps": str(record.fps),
        "changed_frames": [[first, end] for first, end in record.changed],
    }
    place = place or sidecar_path(output)
    with atomic_write(place) as temporary, os_errors_as_output_errors(place):
        text = json.dumps(values, indent=2, ensure_ascii=False, default=str)
        temporary.write_text(text + "\n", encoding="utf-8")
    return place


def hash_output(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of the lines `sha256sum *` prints for it."""
    if not path.is_dir():
        return hash_file(path)
    lines = (f"{hash_file(file)}  {file.name}\n" for file in sorted(path.iterdir()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
