"""Outputs with all their marks, without the render that would take longer."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Any

from lipsync.marks.c2pa_library import open_context
from lipsync.marks.marking import Marking
from lipsync.marks.options import MarkOptions
from lipsync.marks.origin import GENERATED_MOUTH, RECORD_BITS, ModelCard, OriginRecord
from lipsync.marks.sidecar import sidecar_path
from lipsync.media import Output, probe
from tests.support import clips

CARD = ModelCard("lip-lstm", "1", "ab" * 32, "CC-BY-4.0")
CODING = {
    ".mp4": ("-c:v", "libx264", "-movflags", "+faststart"),
    ".mov": ("-c:v", "libx264"),
    ".mkv": ("-c:v", "libx264"),
    ".webm": ("-c:v", "libvpx-vp9"),
}


def target() -> Path:
    """What the outputs are said to be made from."""
    return clips.video("plain.mp4", "-c:v", "libx264")


def speech() -> Path:
    """What is said to be spoken in them."""
    return clips.sound("s16.wav", "-c:a", "pcm_s16le")


def mark(
    place: Path,
    options: MarkOptions | None = None,
    *,
    source: Path | None = None,
    consent: str | None = None,
) -> Marking:
    """Write a short video with the tags of a marking to `place`, and seal it."""
    output = Output.parse(place)
    marking = Marking.plan(
        output, GENERATED_MOUTH, options or MarkOptions(), secrets.randbits(RECORD_BITS), consent
    )
    plain = clips.video(f"coded{place.suffix}", *CODING[place.suffix])
    tags = [part for name, text in marking.tags.items() for part in ("-metadata", f"{name}={text}")]
    unsealed = place.with_name(f"unsealed{place.suffix}")
    clips.run("-i", str(plain), "-c", "copy", *tags, str(unsealed))
    try:
        marking.seal(unsealed, record(marking, source), sidecar_path(place))
        shutil.move(unsealed, place)
    finally:
        unsealed.unlink(missing_ok=True)
    return marking


def record(marking: Marking, source: Path | None = None) -> OriginRecord:
    """The record of such an output."""
    video = source or target()
    return OriginRecord(
        record_id=marking.record_id,
        inputs={"audio": speech(), "video": video},
        models=[CARD],
        options={"crf": 16, "preset": "fast"},
        frames=12,
        fps=probe(target()).fps,
        changed=[(0, 5), (7, 12)],
        changed_s=[(0.0, 0.2), (0.28, 0.48)],
        statement=marking.statement,
        consent=marking.consent,
    )


def manifest_of(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The active manifest as the C2PA library reads it, and all manifests."""
    from c2pa import Reader

    beside = path.with_suffix(".c2pa")
    data = beside.read_bytes() if beside.exists() else None
    kind = "application/c2pa" if data else "video/mp4"
    with open_context() as context, path.open("rb") as file, Reader(kind, file, data, context) as r:
        store = json.loads(r.json())
    return store["manifests"][store["active_manifest"]], store["manifests"]
