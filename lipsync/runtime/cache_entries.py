"""One entry of the cache: a sealed folder of files, checked before it is believed.

The seal (`manifest.json`) lists every file with its size, its time of change and the SHA-256 of
each block of 4 MiB. Checking an entry compares names and sizes, and hashes all blocks of every file
that is small or was changed since; of a large unchanged one some blocks, others each time. So a
warm render reads megabytes, not the gigabyte of a mouth bank, and a file that was cut off, swapped
or written to does not pass.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

SEAL, KEY = "manifest.json", "key.json"
BLOCK = 4 << 20  # bytes
WHOLE_BLOCKS = 8  # files of at most so many are hashed whole: 23 ms at 1.4 GB/s
SPOTS = 4  # blocks of a larger one that are hashed: the first, the last and some others


def key_text(key: dict[str, Any], code: str) -> str:
    """What an entry is made from, as the text that names it."""
    return json.dumps({"code": code, **key}, sort_keys=True, default=str)


def entry_name(text: str) -> str:
    """The name of the entry's folder: 32 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def seal_entry(folder: Path, text: str) -> None:
    """Write what it is made from, and the list of its files.

    Raises:
        OSError: they cannot be written.
    """
    (folder / KEY).write_text(text, "utf-8")
    files = {}
    for name in _files(folder):
        path = folder / name
        with path.open("rb") as file:
            blocks = [_digest(piece) for piece in iter(lambda: file.read(BLOCK), b"")]
            facts = os.fstat(file.fileno())
        files[name] = {"size": facts.st_size, "changed": facts.st_mtime_ns, "sha256": blocks}
    listing = json.dumps({"files": files}, sort_keys=True)
    (folder / SEAL).write_text(f"{_digest(listing.encode())}\n{listing}\n", "utf-8")


def find_fault(folder: Path, text: str) -> str | None:
    """Why an entry is not to be believed, in a few words; None: it is as it was sealed.

    Args:
        text: what it should be made from.
    """
    try:
        files = _read_seal(folder)
        if set(files) != set(_files(folder)):
            return "other files than were written"
        wrong = [name for name, facts in files.items() if _size(folder / name) != facts["size"]]
        if wrong:
            return f"{wrong[0]} has another size"
        for name, facts in files.items():
            if not _is_unchanged(folder / name, facts):
                return f"{name} has changed"
        return None if (folder / KEY).read_text("utf-8") == text else "made from something else"
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or 'damaged'})"


def _read_seal(folder: Path) -> dict[str, Any]:
    """The files of a sealed entry; ValueError, KeyError, TypeError: it is no seal."""
    digest, _, listing = (folder / SEAL).read_text("utf-8").partition("\n")
    if _digest(listing.rstrip("\n").encode()) != digest:
        raise ValueError("not a seal")
    files: dict[str, Any] = json.loads(listing)["files"]
    return files


def _files(folder: Path) -> list[str]:
    """Names of all files but the seal, those in folders with their folder."""
    every = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(str(path.relative_to(folder)) for path in every if path != folder / SEAL)


def _size(path: Path) -> int:
    return path.stat().st_size


def _is_unchanged(path: Path, facts: dict[str, Any]) -> bool:
    blocks: list[str] = facts["sha256"]
    rows = list(range(len(blocks)))
    with path.open("rb") as file:
        same_time = os.fstat(file.fileno()).st_mtime_ns == facts["changed"]
        if same_time and len(blocks) > WHOLE_BLOCKS:
            rows = sorted({0, len(blocks) - 1, *random.sample(rows, SPOTS - 2)})
        for row in rows:
            file.seek(row * BLOCK)
            if _digest(file.read(BLOCK)) != blocks[row]:
                return False
    return True


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
