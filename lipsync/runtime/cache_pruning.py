"""What the cache holds, and making it smaller: the least recently used entries go first.

An entry in use, by this or any other process, stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lipsync.runtime.cache_store import CacheStore, kind_folders, sweep_store
from lipsync.runtime.disk_space import free_bytes, try_to_write
from lipsync.runtime.leftovers import list_matching, size_of

NAME_DIGITS = 32  # of an entry


@dataclass(frozen=True)
class CacheEntry:
    """An entry as it lies on the disk."""

    kind: str
    path: Path
    size: int  # bytes
    used: float  # when last, seconds since 1970


@dataclass(frozen=True)
class KindInfo:
    """All entries of one kind."""

    kind: str
    entries: int
    size: int  # bytes
    oldest_use_s: float  # ago
    newest_use_s: float


@dataclass(frozen=True)
class CacheInfo:
    """What the cache holds."""

    root: Path
    writable: bool
    fault: str | None  # why it is not
    entries: int
    size: int  # bytes
    free: int  # bytes on its disk
    kinds: tuple[KindInfo, ...]  # the largest first


@dataclass(frozen=True)
class PruneResult:
    """What was removed, and what is left."""

    root: Path
    removed: int  # entries
    freed: int  # bytes, of entries and of what killed processes had left
    entries: int  # that are left
    size: int  # bytes of them
    in_use: int  # entries that should have gone, but are in use


def list_entries(root: Path) -> list[CacheEntry]:
    """All entries, the least recently used first; none where there is no cache."""
    found = []
    for kind in kind_folders(root):
        for path in list_matching(kind, _is_entry):
            try:
                used = path.stat().st_mtime
            except OSError:  # gone meanwhile
                continue
            found.append(CacheEntry(kind.name, path, size_of(path), used))
    return sorted(found, key=lambda entry: entry.used)


def describe_cache(root: Path) -> CacheInfo:
    """What the cache holds, by kind."""
    entries, now = list_entries(root), time.time()
    kinds = []
    for kind in dict.fromkeys(entry.kind for entry in entries):
        own = [entry for entry in entries if entry.kind == kind]
        ages = [now - entry.used for entry in own]
        total = sum(entry.size for entry in own)
        kinds.append(KindInfo(kind, len(own), total, round(max(ages), 1), round(min(ages), 1)))
    fault = try_to_write(next(one for one in (root, *root.parents) if one.exists()))
    return CacheInfo(
        root=root,
        writable=fault is None,
        fault=fault,
        entries=len(entries),
        size=sum(entry.size for entry in entries),
        free=free_bytes(root),
        kinds=tuple(sorted(kinds, key=lambda kind: -kind.size)),
    )


def prune(root: Path, limit: int) -> PruneResult:
    """Remove what killed processes left, and entries until the others fit `limit` bytes."""
    store = CacheStore(root)
    freed = sweep_store(root)
    entries = list_entries(root)
    size, left, removed, in_use = sum(entry.size for entry in entries), len(entries), 0, 0
    for entry in entries:
        if size <= limit:
            break
        if store.remove(entry.path):
            size, left, removed = size - entry.size, left - 1, removed + 1
            freed += entry.size
        else:
            in_use += 1
    return PruneResult(root, removed, freed, left, size, in_use)


def clear(root: Path) -> PruneResult:
    """Remove every entry that is not in use."""
    return prune(root, -1)


def _is_entry(name: str) -> bool:
    return len(name) == NAME_DIGITS and not set(name) - set("0123456789abcdef")
