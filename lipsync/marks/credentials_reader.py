"""Reading content credentials: whether they hold, who signed, and which record they are of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lipsync.errors import InputError
from lipsync.marks.c2pa_library import DETACHED, manifest_path, one_line, open_context
from lipsync.marks.content_credentials import RECORD_ASSERTION
from lipsync.marks.origin import read_id
from lipsync.marks.xmp import has_manifest_box

HOLDING = (".mp4", ".mov", ".m4v")  # files in which a manifest belongs
# Failures that concern the signer alone: the file is what was signed.
_OF_SIGNER = {
    "signingCredential.untrusted": "its certificate is on no list of trusted ones",
    "signingCredential.expired": "its certificate has expired",
    "claimSignature.outsideValidity": "its certificate has expired",
}


@dataclass(frozen=True)
class Credentials:
    """What the content credentials of a file say, and whether they hold."""

    state: Literal["valid", "untrusted", "altered"]
    why: str  # one line
    signer: str | None = None  # whom the certificate names
    generator: str | None = None  # the program that signed
    record_id: int | None = None  # of this program's manifest; None: there is none
    watermarked: bool = False  # it says that the record is hidden in the picture
    latest: bool = True  # this program's manifest is the last: nobody signed after it
    beside: bool = False  # in a file of its own


def read_trust(path: Path) -> str:
    """Certificates (PEM) whose signers are to be trusted.

    Raises:
        InputError: it cannot be read, or holds none.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: these certificates cannot be read") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise InputError(f"{path}: holds no certificate in PEM form")
    return text


def read_credentials(path: Path, trust: str | None = None) -> Credentials | None:
    """The content credentials of an mp4 or mov, or those beside any file; None: there are none.

    Args:
        trust: certificates, PEM: what they issued is trusted. None: no signer is.
    """
    beside = manifest_path(path)
    inside = has_manifest_box(path)
    if not inside and not beside.is_file():
        return None
    from c2pa import C2paError, Reader

    try:
        manifest = None if inside else beside.read_bytes()
        kind = "video/mp4" if inside else DETACHED
        with (
            open_context(trust=trust) as context,
            path.open("rb") as file,
            Reader(kind, file, manifest, context) as reader,
        ):
            store = json.loads(reader.json())
            state = reader.get_validation_state()
    except (C2paError, OSError, ValueError) as error:
        why = one_line(error) if isinstance(error, C2paError) else "cannot be read"
        return Credentials("altered", f"the manifest is damaged: {why}", beside=not inside)
    found = _describe(store, str(state), not inside)
    # clip.c2pa may be the manifest of clip.mkv; then it says nothing of clip.mp4.
    of_another = found.beside and found.state == "altered" and path.suffix.lower() in HOLDING
    return None if of_another else found


def _describe(store: dict[str, Any], state: str, beside: bool) -> Credentials:
    """What a manifest store says.

    Args:
        state: the library's word: Trusted, Valid (but for the signer) or Invalid.
    """
    manifests = store.get("manifests", {})
    active = manifests.get(store.get("active_manifest"), {})
    ours = _find_ours(active, manifests)
    record = _record_data(ours)
    signature = active.get("signature_info", {})
    facts = {
        "signer": signature.get("common_name") or signature.get("issuer"),
        "generator": _generator(active),
        "record_id": read_id(record.get("record")),
        "watermarked": bool(record.get("watermark")),
        "latest": ours is active,
        "beside": beside,
    }
    failures = [one["code"] for one in store.get("validation_status", [])]
    grave = [code for code in failures if code not in _OF_SIGNER]
    by = f"signed by {facts['signer'] or 'nobody named'}"
    if grave or not active or (state == "Invalid" and not failures):
        return Credentials("altered", f"{by}, but {_explain(grave)}", **facts)
    if state == "Trusted":
        return Credentials("valid", by, **facts)
    why = _OF_SIGNER.get(next(iter(sorted(failures)), ""), "its certificate is not trusted")
    return Credentials("untrusted", f"{by}; {why}", **facts)


def _explain(codes: list[str]) -> str:
    """The failures of a manifest in words."""
    if any("Hash.mismatch" in code for code in codes):
        return "the file was changed since"
    if any("claimSignature" in code or "hashedURI" in code for code in codes):
        return "the manifest was changed since"
    return f"it does not hold ({', '.join(codes) or 'no reason given'})"


def _find_ours(active: dict[str, Any], manifests: dict[str, Any]) -> dict[str, Any] | None:
    """This program's latest manifest: the active one, or that of an ingredient, however deep."""
    queue, seen = [active], set()
    while queue:
        one = queue.pop(0)
        if _record_data(one):
            return one
        for ingredient in one.get("ingredients", []):
            label = ingredient.get("active_manifest")
            if label in manifests and label not in seen:
                seen.add(label)
                queue.append(manifests[label])
    return None


def _record_data(manifest: dict[str, Any] | None) -> dict[str, Any]:
    for assertion in (manifest or {}).get("assertions", []):
        if assertion.get("label") == RECORD_ASSERTION and isinstance(assertion.get("data"), dict):
            return dict(assertion["data"])
    return {}


def _generator(manifest: dict[str, Any]) -> str | None:
    info = manifest.get("claim_generator_info") or [{}]
    name = " ".join(str(info[0][key]) for key in ("name", "version") if key in info[0])
    return name or manifest.get("claim_generator")
