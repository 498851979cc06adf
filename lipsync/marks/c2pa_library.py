"""The C2PA library as this program uses it: without a network, and with errors of one line.

`c2pa-python` is the reference implementation's binding (Rust). It would fetch manifests, time
stamps, revocation lists and schemas from addresses that a file names; none of this is allowed here.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError

DETACHED = "application/c2pa"  # the type of a manifest that lies beside its file
UNKNOWN = "application/octet-stream"
# Larger intermediate files go to a temporary file instead of into memory.
MEMORY_MB = 64

_SETTINGS: dict[str, Any] = {
    "version": 1,
    "verify": {
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
        # Right after signing, the certificate is checked: what a reader would refuse is refused
        # now. The file is not: its bytes have just been hashed.
        "verify_after_sign": True,
        "verify_after_sign_hash": False,
    },
    "core": {
        "allowed_network_hosts": [],
        "backing_store_memory_threshold_in_mb": MEMORY_MB,
    },
    "builder": {
        "thumbnail": {"enabled": False},
        "certificate_status_fetch": None,
        # All bytes but those of the manifest and of `ftyp` are hashed, free space as well.
        "bmff_hash_exclude_free_and_skip_boxes": False,
    },
}


def open_context(signer: Any = None, trust: str | None = None) -> Any:
    """A `c2pa.Context` that reaches no network.

    Args:
        signer: `c2pa.Signer`; consumed.
        trust: certificates, PEM: what they issued is trusted.
    """
    from c2pa import Context

    settings = dict(_SETTINGS)
    if trust is not None:
        settings["trust"] = {"anchors": [{"trust_anchors": trust, "trust_kind": "manifest"}]}
    return Context.from_json(json.dumps(settings), signer=signer)


def mime_type(path: Path) -> str:
    """The type of a file, by its name."""
    return mimetypes.guess_type(path.name)[0] or UNKNOWN


def manifest_path(video: Path) -> Path:
    """Where the manifest lies of a container that has no place for it: `clip.mkv` → `clip.c2pa`.

    Other programs look for it there.
    """
    return video.with_suffix(".c2pa")


@contextmanager
def c2pa_errors_as(kind: type[LipsyncError], what: str) -> Iterator[None]:
    """Turn errors of the library into one line for the user.

    Raises:
        `kind`: for every error of the library inside.
    """
    from c2pa import C2paError

    try:
        yield
    except C2paError as error:
        raise kind(f"{what} ({one_line(error)})") from None


def one_line(error: Exception) -> str:
    """What the library says, without the name of its error class."""
    text = " ".join(str(error).split())
    return text.partition(": ")[2] or text
