"""Reading all marks of a video or of a folder of frames, but the watermark.

That one needs the faces in the picture: `lipsync.pipelines.verify_marks` reads it and adds it.
"""

from __future__ import annotations

from pathlib import Path

from lipsync.marks.credentials_reader import read_credentials
from lipsync.marks.judgement import Findings, Marks, judge
from lipsync.marks.origin import SOURCE_TAG
from lipsync.marks.sidecar import hash_output, read_sidecar
from lipsync.marks.xmp import IPTC_EXT, PHOTOSHOP, find_property, read_packet
from lipsync.media import container_tags, png_xmp_text, read_png_texts


def read_marks(path: Path, trust: str | None = None) -> Marks:
    """Read and judge all marks but the watermark.

    Args:
        trust: certificates (PEM) whose signers are trusted; None: no signer is.

    Raises:
        MediaError: not media, or missing; or the sidecar is not JSON.
    """
    return judge(find_marks(path, trust))


def find_marks(path: Path, trust: str | None = None) -> Findings:
    """The marks of a video, or of a folder of frames, as they are there.

    It raises what `read_marks` does.
    """
    if path.is_dir():
        first = next(iter(sorted(path.glob("*.png"))), None)
        texts = read_png_texts(first) if first else {}
        comment, tag = texts.get("Comment"), None
        text = next((text for name, text in texts.items() if name in png_xmp_text("")), None)
        packet = text.encode() if text is not None else None
    else:
        tags = container_tags(path)
        comment, tag = tags.get("comment") or None, tags.get(SOURCE_TAG)
        packet = read_packet(path)
    sidecar = read_sidecar(path)
    return Findings(
        comment=comment,
        source_type=find_property(packet, IPTC_EXT, "DigitalSourceType") or tag,
        xmp_comment=find_property(packet, PHOTOSHOP, "Instructions"),
        sidecar=sidecar,
        sidecar_fits=sidecar["output"]["sha256"] == hash_output(path) if sidecar else None,
        credentials=None if path.is_dir() else read_credentials(path, trust),
    )
