"""Temporary folders that are locked while they are used, so that a killed process's can be told."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.runtime.leftovers import list_matching, sweep
from lipsync.runtime.path_lock import lock_new


class LockedFolder:
    """A new temporary folder, the user's alone, locked until it is removed."""

    def __init__(self, parent: Path, prefix: str) -> None:
        """Raises: OSError: it cannot be made."""
        self.path, self._lock = lock_new(lambda: new_folder(parent, prefix, mode=0o700))

    def remove(self) -> None:
        """Remove it with all that it holds."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()


def new_folder(parent: Path, prefix: str, suffix: str = "", mode: int = 0o777) -> Path:
    """A new folder with a name of its own; by default readable as the user's other folders are.

    Raises:
        OSError: it cannot be made.
    """
    folder = parent / f"{prefix}{secrets.token_hex(4)}{suffix}"
    folder.mkdir(mode)
    return folder


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder in the system's place for temporary files; those of killed processes are removed.

    Args:
        prefix: of its name, and of no name of others.

    Raises:
        OSError: it cannot be made.
    """
    place = Path(tempfile.gettempdir())
    sweep(list_matching(place, lambda name: name.startswith(prefix)))
    folder = LockedFolder(place, prefix)
    try:
        yield folder.path
    finally:
        folder.remove()
