"""Advisory locks on files and folders, which end with their process however it ends.

The kernel holds them, not a file with a process id in it: no lock outlives a killed process, and
ids that another container or machine counts do not matter.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be renamed: there are no locks
    fcntl = None  # type: ignore[assignment]


class PathLock:
    """A lock on a file or folder, by whatever name it has later. Freed when nothing holds it."""

    def __init__(self, path: Path, *, exclusive: bool) -> None:
        """Take the lock at once, without waiting.

        Args:
            exclusive: nobody else may hold one; else nobody may hold an exclusive one.

        Raises:
            BlockingIOError: others hold it.
            OSError: there is no such file, or its file system knows no locks.
        """
        self._handle = -1
        if fcntl is None:
            path.lstat()
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
        self._handle = os.open(path, flags)
        try:
            self._lock(exclusive)
        except OSError:
            self.release()
            raise

    def share(self) -> None:
        """Let others share an exclusive lock."""
        with contextlib.suppress(OSError):
            self._lock(exclusive=False)

    def is_of(self, path: Path) -> bool:
        """Whether a path still leads to what is locked."""
        try:
            return os.path.samestat(os.fstat(self._handle), path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Let it go; more than once does no harm."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def __del__(self) -> None:
        self.release()

    def _lock(self, exclusive: bool) -> None:
        assert fcntl is not None  # noqa: S101 — checked when it was opened
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        fcntl.flock(self._handle, kind | fcntl.LOCK_NB)


def try_lock(path: Path, *, exclusive: bool) -> PathLock | None:
    """A lock, or None where it cannot be had, for whatever reason."""
    try:
        return PathLock(path, exclusive=exclusive)
    except OSError:
        return None


def lock_new(make: Callable[[], Path]) -> tuple[Path, PathLock | None]:
    """Make a file or folder and lock it exclusively, before a sweep takes it for a leftover.

    Args:
        make: makes one under a new name every time; called again where a sweep was faster.

    Returns:
        Its path, and the lock; None where the file system knows none.

    Raises:
        OSError: it cannot be made.
    """
    while True:
        path = make()
        try:
            lock = PathLock(path, exclusive=True)
        except (BlockingIOError, FileNotFoundError):
            continue  # a sweep holds it, or has removed it
        except OSError:
            return path, None
        if lock.is_of(path):
            return path, lock
        lock.release()
