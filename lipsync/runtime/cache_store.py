"""One folder of cache entries on one disk: found, filled, removed; safe among processes.

ROOT/KIND/ENTRY/          an entry, complete; who uses it holds a shared lock on the folder
ROOT/KIND/ENTRY.X.part/   one that is being made; its maker holds an exclusive lock
ROOT/job-X/               temporary files of one job, locked likewise
ROOT/.turns/KIND-ENTRY    locked by who makes that entry, while others wait for it
ROOT/trash-X/             on its way out: taken under an exclusive lock, so in nobody's use
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from lipsync.runtime.cache_entries import entry_name, find_fault, seal_entry
from lipsync.runtime.disk_space import free_bytes, try_to_write
from lipsync.runtime.leftovers import UNTOUCHED_S, list_matching, sweep
from lipsync.runtime.locked_folder import new_folder
from lipsync.runtime.path_lock import PathLock, lock_new
from lipsync.runtime.turns import take_turn

JOB, TRASH, PART, TURNS = "job-", "trash-", ".part", ".turns"
LEAST_FREE = 32 << 20  # bytes: with less nothing is begun
# Locks held at once; of a process that opens more entries, the oldest are let go.
MOST_LOCKS = 256
ATTEMPTS = 3  # at an entry that others are replacing
UNLOCKED_S = 86400.0  # where locks do not work, entries used within this time may be in use


class CacheStore:
    """The entries below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[str] = []  # entries that were not believed, and why
        self._locks: list[PathLock] = []
        self._own: list[Path] = []  # entries that could not get their name

    def prepare(self) -> str | None:
        """Make the folder and clear what killed processes left in it.

        Returns:
            Why nothing can be written there, in a few words; None: it can.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return error.strerror or str(error)
        sweep_store(self.root)
        if free_bytes(self.root) < LEAST_FREE:
            return "the disk is full"
        return try_to_write(self.root)

    def find(self, kind: str, text: str, *, touch: bool = True) -> Path | None:
        """The entry made from `text`, if it is there and in order; one that is not is removed.

        Args:
            touch: count this as a use; else nothing is written or removed.
        """
        entry = self.root / kind / entry_name(text)
        for _ in range(ATTEMPTS):
            lock = None
            try:
                lock = PathLock(entry, exclusive=False)
            except (FileNotFoundError, NotADirectoryError, BlockingIOError):
                return None  # BlockingIOError: it is just being removed
            except OSError:  # no locks here, or it cannot be read, which the check tells
                pass
            if lock is not None and not lock.is_of(entry):
                continue  # another has taken its place
            fault = find_fault(entry, text)
            if fault is None:
                self._keep(lock)
                if touch:
                    with contextlib.suppress(OSError):
                        os.utime(entry)
                return entry
            if lock is not None:
                lock.release()
            self.faults.append(f"{kind}/{entry.name[:8]}: {fault}")
            if touch:
                self.remove(entry)
            return None
        return None

    def fill(self, kind: str, text: str, make: Callable[[Path], None]) -> Path:
        """Make an entry: `make(folder)` writes its files. It appears complete or not at all.

        If another process is just making the same, its work is waited for.

        Raises:
            OSError: it cannot be written.
        """
        entry = self.root / kind / entry_name(text)
        entry.parent.mkdir(parents=True, exist_ok=True)
        with take_turn(self.root / TURNS / f"{kind}-{entry.name}") as waited:
            if waited and (found := self.find(kind, text)) is not None:
                return found
            return self._fill(entry, kind, text, make)

    def _fill(self, entry: Path, kind: str, text: str, make: Callable[[Path], None]) -> Path:
        making, lock = lock_new(lambda: new_folder(entry.parent, f"{entry.name}.", PART))
        kept = False
        try:
            make(making)
            seal_entry(making, text)
            if lock is not None:
                lock.share()
            try:
                making.rename(entry)
            except OSError:
                # Another process was faster to make the same, or one that is damaged is in use.
                found = self.find(kind, text)
                if found is not None:
                    return found
                self._own.append(making)
                entry = making
            self._keep(lock)
            kept = True
            return entry
        finally:
            if not kept:
                shutil.rmtree(making, ignore_errors=True)
                if lock is not None:
                    lock.release()

    def remove(self, entry: Path) -> bool:
        """Remove an entry unless it is in use; whether it is gone."""
        lock = None
        try:
            lock = PathLock(entry, exclusive=True)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        except OSError:
            with contextlib.suppress(OSError):
                if time.time() - entry.stat().st_mtime < UNLOCKED_S:
                    return False
        try:
            if lock is not None and not lock.is_of(entry):
                return True  # another has taken its place
            trash = self.root / f"{TRASH}{secrets.token_hex(4)}"
            entry.rename(trash)
            shutil.rmtree(trash, ignore_errors=True)
        except OSError:
            return False
        finally:
            if lock is not None:
                lock.release()
        return True

    def discard(self, entry: Path) -> None:
        """Remove an entry that this process has finished with, unless others use it."""
        for lock in [one for one in self._locks if one.is_of(entry)]:
            lock.release()
            self._locks.remove(lock)
        self.remove(entry)

    def close(self) -> None:
        """Let all entries go."""
        for lock in self._locks:
            lock.release()
        self._locks.clear()
        for folder in self._own:
            shutil.rmtree(folder, ignore_errors=True)
        self._own.clear()

    def _keep(self, lock: PathLock | None) -> None:
        if lock is not None:
            self._locks.append(lock)
        for old in self._locks[:-MOST_LOCKS]:
            old.release()
        del self._locks[:-MOST_LOCKS]


def kind_folders(root: Path) -> list[Path]:
    """The folders that hold entries, by name."""
    found = list_matching(root, lambda name: not name.startswith((JOB, TRASH, ".")))
    return sorted(path for path in found if path.is_dir())


def sweep_store(root: Path) -> int:
    """Remove what killed processes left below a root; the bytes that this freed."""
    freed = sweep(list_matching(root, lambda name: name.startswith((JOB, TRASH))))
    for kind in kind_folders(root):
        parts = list_matching(kind, lambda name: name.endswith(PART))
        # The parts of earlier versions, which locked nothing, have no dot before their token.
        marked = [(path, path.name.count(".") > 1) for path in parts]
        freed += sweep(path for path, locked in marked if locked)
        freed += sweep((path for path, locked in marked if not locked), UNTOUCHED_S)
    return freed
