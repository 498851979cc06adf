"""Cached results on disk, under a hash of what they were computed from and of the code that did.

The folder follows the platform's conventions (XDG_CACHE_HOME on Linux). A cache costs speed, never
the job: entries are checked before they are believed, and where the folder cannot be made, written
or filled, what it holds is read and the rest goes to a temporary one. Deleting it is always safe.
"""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from lipsync.errors import InputError, OutputError
from lipsync.runtime.cache_entries import SEAL, key_text
from lipsync.runtime.cache_pruning import prune
from lipsync.runtime.cache_store import JOB, CacheStore
from lipsync.runtime.disk_space import disk_fault, free_bytes, parse_size
from lipsync.runtime.leftovers import list_matching, sweep
from lipsync.runtime.loaded import LoadedValues
from lipsync.runtime.locked_folder import LockedFolder

T = TypeVar("T")

DEFAULT_SIZE = "20G"
TEMPORARY = "lipsync-cache-"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 — the last resort: files in memory, on Linux
# What reading arrays and texts raises that are not what was written.
UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
ROOM = 1 << 30  # bytes that a job's temporary files, above all its sound, should find


class Cache:
    """A folder of entries, or (root None) a temporary one that is removed at the end.

    Use with `with`: entries are in use, and cannot be pruned by others, until it ends.
    """

    def __init__(
        self, root: Path | None, limit: int | None = None, loaded: LoadedValues | None = None
    ) -> None:
        """Nothing is made or checked before it is needed.

        Args:
            limit: bytes to which it is pruned at the end, the least recently used first.
            loaded: keeps what `load` reads for the next run of this process.
        """
        self._loaded = loaded
        self.limit = parse_size(DEFAULT_SIZE) if limit is None else limit
        self._store = None if root is None else CacheStore(root)
        self._refused: dict[Path, str] = {}  # places where nothing can be written, and why
        self._prepared = self._made = False
        self._temporary: list[_TemporaryStore] = []
        self._told = 0  # faults of which `take_warnings` has told
        self._told_of_place = False

    @property
    def root(self) -> Path:
        """The folder below which something can be written, made if it is a temporary one.

        Raises:
            OutputError: there is no place to write to.
        """
        for store in self._writable_stores():
            self._made |= store is self._store
            return store.root
        raise _no_place(self._refused)

    @staticmethod
    def default_root() -> Path:
        """The user's cache folder for lipsync."""
        return platformdirs.user_cache_path("lipsync")

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *exc: object) -> None:
        for temporary in self._temporary:
            temporary.remove_root()
        if self._store is not None:
            self._store.close()
            if self._made:
                prune(self._store.root, self.limit)

    @contextlib.contextmanager
    def room(self) -> Iterator[Path]:
        """A temporary folder for one job, where there is room for it.

        Raises:
            OutputError: there is none anywhere.
        """
        prefixes = {store.root: JOB for store in self._own_store()}
        prefixes |= dict.fromkeys(_temporary_places(), f"{TEMPORARY}{JOB}")
        free = {place: min(free_bytes(place), ROOM) for place in prefixes}
        faults: dict[Path, str] = {}
        # The first with room; if none has, the one that has most.
        for place in sorted(prefixes, key=lambda place: -free[place]):
            if (folder := _make_folder(place, prefixes[place], faults)) is not None:
                try:
                    yield folder.path
                finally:
                    folder.remove()
                return
        raise _no_place(faults)

    def folder(
        self, kind: str, key: dict[str, Any], make: Callable[[Path], None], *, code: str
    ) -> Path:
        """The folder holding the entry for `key`; `make(folder)` fills it if there is none.

        Args:
            kind: what is stored, e.g. "faces".
            key: JSON-able facts that determine the content.
            make: computes the content; called again, elsewhere, where the disk is full.
            code: digest of the code that computes it, see `digest_code`.

        Raises:
            OutputError: there is no place to write to.
        """
        text = key_text(key, code)
        return self._find(kind, text) or self._make(kind, text, make)

    def load(
        self,
        kind: str,
        key: dict[str, Any],
        make: Callable[[Path], None],
        read: Callable[[Path], T],
        *,
        code: str,
    ) -> T:
        """What `read` makes of an entry's folder; see `folder`.

        An entry that is sealed and cannot be read all the same is made anew.
        """
        folder = self.folder(kind, key, make, code=code)
        try:
            if self._loaded is None:
                return read(folder)
            # Found and checked on disk all the same: other processes are told of files by name.
            sealed = (folder / SEAL).stat()
            name = folder, sealed.st_ino, sealed.st_mtime_ns
            return self._loaded.get(name, lambda: read(folder))
        except UNREADABLE:
            if self._store is not None:
                self._store.faults.append(f"{kind}/{folder.name[:8]}: cannot be read")
            self.discard(folder)
        return read(self.folder(kind, key, make, code=code))

    def find(self, kind: str, key: dict[str, Any], *, code: str) -> Path | None:
        """The entry's folder if there is one; nothing is written, not even that it was used."""
        return self._find(kind, key_text(key, code), touch=False)

    def discard(self, folder: Path) -> None:
        """Remove an entry that will not be needed again."""
        for store in [*self._temporary, *([self._store] if self._store else [])]:
            if folder.is_relative_to(store.root):
                store.discard(folder)

    def take_warnings(self) -> list[str]:
        """What the user should know of the cache, once: at most a line on its place, one on damage.

        Call it when the work is done.
        """
        lines = []
        if self._store is None:
            return []
        place = self._store.root
        reason = self._refused.get(place)
        if reason is not None and not self._told_of_place:
            self._told_of_place = True
            lines.append(
                f"the cache {place} cannot be written ({reason}): what it lacks is made anew "
                "every time; make room there (lipsync cache prune), or set XDG_CACHE_HOME to a "
                "folder that can be written"
            )
        faults = self._store.faults[self._told :]
        self._told += len(faults)
        if faults:
            more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
            lines.append(f"damaged in the cache, and made anew: {faults[0]}{more}")
        return lines

    def _find(self, kind: str, text: str, *, touch: bool = True) -> Path | None:
        stores: list[CacheStore] = [*self._temporary]
        if self._store is not None:
            stores.insert(0, self._store)
        for store in stores:
            if (found := store.find(kind, text, touch=touch)) is not None:
                return found
        return None

    def _make(self, kind: str, text: str, make: Callable[[Path], None]) -> Path:
        for store in self._writable_stores():
            if (folder := self._fill(store, kind, text, make)) is not None:
                self._made |= store is self._store
                return folder
        raise _no_place(self._refused)

    def _fill(
        self, store: CacheStore, kind: str, text: str, make: Callable[[Path], None]
    ) -> Path | None:
        """A new entry of a store; None: its disk is to blame that there is none."""
        try:
            return store.fill(kind, text, make)
        except Exception as error:
            fault = None if isinstance(error, InputError) else disk_fault(error, store.root)
            if fault is None:
                raise
            self._refused[store.root] = fault
            return None

    def _writable_stores(self) -> Iterator[CacheStore]:
        """Where entries can be written, the best first; made when it is asked for."""
        yield from self._own_store()
        yield from (one for one in self._temporary if one.root not in self._refused)
        tried = [one.root.parent for one in self._temporary]
        for place in _temporary_places():
            if place in tried or place in self._refused:
                continue
            if (folder := _make_folder(place, TEMPORARY, self._refused)) is not None:
                self._temporary.append(_TemporaryStore(folder))
                yield self._temporary[-1]

    def _own_store(self) -> list[CacheStore]:
        """The user's store, if it can be written."""
        if self._store is None:
            return []
        if not self._prepared:
            self._prepared = True
            if (reason := self._store.prepare()) is not None:
                self._refused[self._store.root] = reason
        return [] if self._store.root in self._refused else [self._store]


class _TemporaryStore(CacheStore):
    """A store in a temporary folder."""

    def __init__(self, folder: LockedFolder) -> None:
        super().__init__(folder.path)
        self._folder = folder

    def remove_root(self) -> None:
        """Remove it with all that it holds."""
        self.close()
        self._folder.remove()


def _make_folder(place: Path, prefix: str, faults: dict[Path, str]) -> LockedFolder | None:
    """A new folder in a place; None: it cannot be made, why goes to `faults`."""
    if prefix.startswith(TEMPORARY):
        sweep(list_matching(place, lambda name: name.startswith(TEMPORARY)))
    try:
        return LockedFolder(place, prefix)
    except OSError as error:
        faults[place] = error.strerror or str(error)
        return None


def _temporary_places() -> list[Path]:
    """Folders for temporary files, the best first."""
    places = []
    with contextlib.suppress(OSError):  # there is none that can be written
        places.append(Path(tempfile.gettempdir()))
    if IN_MEMORY.is_dir():
        places.append(IN_MEMORY)
    return places


def _no_place(faults: dict[Path, str]) -> OutputError:
    where = "; ".join(f"{place}: {fault}" for place, fault in faults.items())
    return OutputError(
        f"there is no room for temporary files ({where or 'no temporary folder'}); make some, or "
        "set TMPDIR to a folder that can be written"
    )
