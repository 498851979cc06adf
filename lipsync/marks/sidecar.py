"""The sidecar: a JSON file beside an output with the hashes of everything it was made from."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lipsync._version import __version__
from lipsync.errors import MediaError
from lipsync.marks.origin import SOURCE_TYPE, OriginRecord, write_id
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.wording import readable


def sidecar_path(output: Path) -> Path:
    """`clip.mp4` → `clip.mp4.json`, `frames/` → `frames.json` next to it."""
    output = output if output.name else output.resolve()
    return output.with_name(output.name + ".json")


def write_sidecar(
    record: OriginRecord,
    output: Path,
    finished: Path,
    *,
    place: Path | None = None,
    digest: str | None = None,
    credentials: Mapping[str, Any] | None = None,
) -> Path:
    """Write `<output>.json`.

    Args:
        output: the name that the video has or will have.
        finished: where its complete bytes are now (inside `finalize`, the temporary file).
        place: of the sidecar; None: next to the output.
        digest: of the output, where there is no file to compute it from.
        credentials: where the content credentials are and who signed; None: there are none.

    Returns:
        The sidecar's path.

    Raises:
        OutputError: it cannot be written.
    """
    values = {
        "lipsync": __version__,
        "record": write_id(record.record_id),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "statement": record.statement,
        **({"consent": record.consent} if record.consent is not None else {}),
        "digital_source_type": SOURCE_TYPE,
        "watermark": record.watermarked,
        "content_credentials": dict(credentials) if credentials is not None else None,
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
        text = json.dumps(values, indent=2, ensure_ascii=False, default=_as_text)
        temporary.write_text(readable(text) + "\n", encoding="utf-8")
    return place


def read_sidecar(output: Path) -> dict[str, Any] | None:
    """The sidecar next to a file or folder; None: there is none of this program.

    Raises:
        MediaError: it is not JSON.
    """
    place = sidecar_path(output)
    try:
        record = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        raise MediaError(f"{place}: is not a JSON file that can be read") from None
    output_entry = record.get("output") if isinstance(record, dict) else None
    return record if isinstance(output_entry, dict) and "sha256" in output_entry else None


def hash_output(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of the lines `sha256sum *` prints for it."""
    if not path.is_dir():
        return hash_file(path)
    lines = (f"{hash_file(file)}  {file.name}\n" for file in sorted(path.iterdir()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _as_text(value: object) -> str:
    """A value that JSON does not know; of a path the name alone: the rest is of this machine."""
    return value.name if isinstance(value, Path) else str(value)
