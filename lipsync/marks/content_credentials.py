"""Content credentials: a signed account of what was done to a video (C2PA 2.x).

The manifest says: the target was opened, the sound was placed, and in these spans a part of the
picture was replaced by what a trained model made. Target and sound are ingredients and keep their
own manifests. It is bound to the file by a hash of its bytes, so that it is signed last.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lipsync._version import __version__
from lipsync.errors import InputError, OutputError
from lipsync.marks.c2pa_library import (
    DETACHED,
    UNKNOWN,
    c2pa_errors_as,
    manifest_path,
    mime_type,
    open_context,
)
from lipsync.marks.certificate import SigningIdentity
from lipsync.marks.origin import SOURCE_TYPE, OriginRecord, write_id
from lipsync.marks.xmp import has_manifest_box
from lipsync.media import Output
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.wording import readable

# C2PA wants names of assertions to begin with the domain of whoever defines them; this one stands
# for the project until it has an address.
RECORD_ASSERTION = "org.example.lipsync.record"
AGENT = {"name": "lipsync", "version": __version__}
SPANS_MOST = 200  # of changed frames in a manifest; the sidecar lists all
SOURCE = "source"


def can_hold_credentials(output: Output) -> bool:
    """Whether a manifest can be put into an output or beside it."""
    return not (output.format.frames or output.format.pipe)


def check_identity(identity: SigningIdentity) -> None:
    """Sign a few bytes, to learn before the work what the library refuses.

    Raises:
        InputError: readers would refuse signatures of this certificate.
    """
    data = b"lipsync"
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": [
            {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": AGENT},
        ]}},
        _whole_file_hash(hashlib.sha256(data).digest()),
    ]  # fmt: skip
    with (
        c2pa_errors_as(InputError, f"{identity.place}: cannot sign content credentials"),
        _open_builder({"title": "check", "assertions": assertions}, identity) as builder,
    ):
        builder.set_no_embed()
        builder.sign(DETACHED, io.BytesIO(data))


def sign(
    file: Path, output: Output, record: OriginRecord, identity: SigningIdentity
) -> bytes | None:
    """Sign a finished file: into it, or, where its container has no place, apart from it.

    Args:
        file: where its complete bytes are now; an mp4 or mov is replaced by the signed one.
        output: the name that it will have, and its container.

    Returns:
        None: the manifest is in the file; else the manifest, to be written beside it.

    Raises:
        OutputError: it cannot be signed or written.
    """
    definition: dict[str, Any] = {
        "title": readable(output.path.name),
        "format": mime_type(output.path),
        "claim_generator_info": [AGENT],
        "assertions": list(_assertions(record)),
    }
    sounds = {role: path for role, path in record.inputs.items() if role.startswith("audio")}
    if not output.format.boxes:
        definition["assertions"].append(_whole_file_hash(_sha256(file)))
    with (
        c2pa_errors_as(OutputError, f"{output.path}: cannot be signed"),
        _open_builder(definition, identity) as builder,
    ):
        _add_ingredient(builder, SOURCE, record.inputs["video"], "parentOf")
        for role, path in sounds.items():
            _add_ingredient(builder, role, path, "componentOf")
        with os_errors_as_output_errors(output.path), file.open("rb") as source:
            if not output.format.boxes:
                builder.set_no_embed()
                return bytes(builder.sign(DETACHED, source))
            with atomic_write(file) as signed, signed.open("w+b") as destination:
                builder.sign(mime_type(output.path), source, destination)
    return None


def _assertions(record: OriginRecord) -> Iterator[dict[str, Any]]:
    """What was done, and the record."""
    sounds = [role for role in record.inputs if role.startswith("audio")]
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": [SOURCE]}},
        *([{"action": "c2pa.placed", "parameters": {"ingredientIds": sounds}}] if sounds else []),
        {
            "action": "c2pa.edited",
            # By this machine's clock: nobody on a network confirms it.
            "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "digitalSourceType": SOURCE_TYPE,
            "softwareAgent": AGENT,
            "parameters": {"description": record.statement},
            "changes": [_span(*span) for span in merge_spans(record.changed_s, SPANS_MOST)],
        },
    ]
    yield {"label": "c2pa.actions.v2", "data": {"actions": actions}}
    data = {
        "record": write_id(record.record_id),
        "statement": record.statement,
        "watermark": record.watermarked,
        "models": [asdict(model) for model in record.models],
        "frames": record.frames,
        "fps": str(record.fps),
    }
    if record.consent is not None:
        data["consent"] = record.consent
    yield {"label": RECORD_ASSERTION, "data": data}


def merge_spans(spans: Iterable[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` spans (s) that cover all of these; the shortest gaps are filled first."""
    merged = sorted(spans)
    while len(merged) > most:
        gaps = sorted(after[0] - before[1] for before, after in itertools.pairwise(merged))
        widest = gaps[len(merged) - most - 1]
        kept = merged[:1]
        for first, end in merged[1:]:
            if first - kept[-1][1] <= widest:
                kept[-1] = (kept[-1][0], end)
            else:
                kept.append((first, end))
        merged = kept
    return merged


def _span(first: float, end: float) -> dict[str, Any]:
    """A changed span as a region of interest, in normal play time."""
    time = {"type": "npt", "start": f"{first:.3f}", "end": f"{end:.3f}"}
    return {"region": [{"type": "temporal", "time": time}]}


def _whole_file_hash(digest: bytes) -> dict[str, Any]:
    """What binds a manifest to a file that it is not in."""
    data = {"name": "whole file", "alg": "sha256", "hash": list(digest), "pad": []}
    return {"label": "c2pa.hash.data", "data": data}


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()


@contextmanager
def _open_builder(definition: dict[str, Any], identity: SigningIdentity) -> Iterator[Any]:
    from c2pa import Builder, C2paSignerInfo, Signer

    # No address of a time-stamp authority: an empty one would be asked for.
    parts = (identity.algorithm, identity.chain, identity.key)
    signer = Signer.from_info(C2paSignerInfo(*(part.encode() for part in parts), None))
    with open_context(signer) as context, Builder(definition, context) as builder:
        yield builder


def _add_ingredient(builder: Any, label: str, path: Path, relationship: str) -> None:
    """Add a file with the manifest that is in it or beside it, if it can be read."""
    from c2pa import C2paError

    facts = {"title": readable(path.name), "relationship": relationship, "label": label}
    entry: dict[str, Any] = dict(facts)
    try:
        beside = manifest_path(path)
        if not has_manifest_box(path) and beside.is_file():
            manifest = beside.read_bytes()
            if (results := _validate(path, manifest)) is not None:
                builder.add_resource(label, io.BytesIO(manifest))
                entry["manifest_data"] = {"format": DETACHED, "identifier": label}
                entry["validation_results"] = results
        with path.open("rb") as file:
            builder.add_ingredient(entry, mime_type(path), file)
    except (C2paError, OSError):
        # A manifest that is damaged, or a file that is: it was used all the same.
        facts["description"] = "its own manifest could not be read"
        builder.add_ingredient(facts, UNKNOWN, io.BytesIO(b""))


def _validate(path: Path, manifest: bytes) -> dict[str, Any] | None:
    """The findings on a manifest that lies beside a file; None: it is of another file."""
    from c2pa import Reader

    with (
        open_context() as context,
        path.open("rb") as file,
        Reader(DETACHED, file, manifest, context) as reader,
    ):
        if reader.get_validation_state() == "Invalid":
            return None
        results = reader.get_validation_results()
    return dict(results) if results else None
