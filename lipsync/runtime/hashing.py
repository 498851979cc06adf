"""Fingerprints of files and arrays."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def hash_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes; an unchanged file is read once per process.

    A file counts as unchanged while its path, size, and modification time stay the same.
    """
    facts = path.stat()
    return _hash(path, facts.st_ino, facts.st_size, facts.st_mtime_ns)


@lru_cache(256)
def _hash(path: Path, inode: int, size: int, modified: int) -> str:
    return hash_file_now(path)


def hash_file_now(path: Path) -> str:
    """The same of a file's bytes as they are now, not as they were when they were last looked at.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def hash_array(values: NDArray[Any]) -> str:
    """Hexadecimal SHA-256 of an array's values."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
