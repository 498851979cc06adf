"""Files that clients gave to the service: kept under names of ours, known by their ids."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

from lipsync.jobs.outcome import SYSTEM
from lipsync.jobs.service.database import Database
from lipsync.jobs.service.file_kinds import HEAD, FileKind, tell_kind
from lipsync.jobs.service.refusal import Refusal
from lipsync.runtime.disk_space import free_bytes

UPLOAD_LIFE_S = 3600.0  # in which an announced upload has to come and to be registered
SORTS = {
    "name": "name", "date": "seq", "duration": "duration", "size": "size", "kind": "type",
}  # fmt: skip


@dataclass(frozen=True)
class Asset:
    """A file of a key."""

    id: str
    owner: str
    name: str  # as the client calls it
    file: str  # its name in the folder of assets
    size: int
    digest: str  # SHA-256
    format: str
    type: str  # VIDEO, AUDIO or IMAGE
    source: str  # UPLOAD or URL
    duration: float | None
    width: int | None
    height: int | None
    created: float


@dataclass(frozen=True)
class StoredFile:
    """A file that has just been taken in, under a name of its own."""

    path: Path
    kind: FileKind
    size: int
    digest: str


class Assets:
    """The assets of a database, and their folder; for several threads."""

    def __init__(self, database: Database, folder: Path, min_free: int) -> None:
        """Use a folder, made if it is not there; `min_free`: bytes to leave on its disk."""
        self._database, self.folder, self._min_free = database, folder, min_free
        folder.mkdir(exist_ok=True)

    def check_room(self, size: int = 0) -> None:
        """See whether `size` bytes more can be taken in.

        Raises:
            Refusal: the disk is nearly full.
        """
        if free_bytes(self.folder) - size < self._min_free:
            line = "the disk of the service is nearly full; try again later"
            raise Refusal(507, "disk_full", line, kind=SYSTEM, retryable=True, wait_s=600)

    def take(self, source: IO[bytes], what: str, most: int) -> StoredFile:
        """Copy a file into the folder, if it is media; the disk has all of it on return.

        Raises:
            Refusal: it is too large, empty, or no media.
        """
        self.check_room()
        part = self.folder / f".{secrets.token_hex(12)}.part"
        try:
            with part.open("xb") as target:
                head = source.read(HEAD)
                if not head:
                    raise Refusal(400, "empty_file", f"{what}: is empty")
                kind = tell_kind(head, what)
                size, digest = _copy(head, source, target, most, what)
                os.fsync(target.fileno())
            place = part.with_name(f"{secrets.token_hex(12)}{kind.suffix}")
            part.rename(place)
        finally:
            part.unlink(missing_ok=True)
        return StoredFile(place, kind, size, digest)

    def add(
        self, owner: str, name: str, stored: StoredFile, source: str, facts: dict[str, Any]
    ) -> Asset:
        """Register a file that was taken in; `facts`: duration, width and height if known."""
        known = {key: facts.get(key) for key in ("duration", "width", "height")}
        asset = Asset(
            f"ast_{secrets.token_hex(12)}", owner, name[:255], stored.path.name, stored.size,
            stored.digest, stored.kind.suffix[1:], stored.kind.kind, source, **known,
            created=time.time(),
        )  # fmt: skip
        values = vars(asset)
        with self._database.change() as change:
            change.execute(
                f"INSERT INTO assets ({', '.join(values)}) "  # noqa: S608 — names of ours
                f"VALUES ({', '.join('?' * len(values))})",
                list(values.values()),
            )
        return asset

    def find(self, id: str, owner: str | None = None) -> Asset | None:  # noqa: A002
        """An asset of a key; without one, of whomever."""
        rows = self._database.rows("SELECT * FROM assets WHERE id = ?", (id,))
        asset = _asset(rows[0]) if rows else None
        return asset if asset is not None and owner in (None, asset.owner) else None

    def path(self, asset: Asset) -> Path:
        """Where it is."""
        return self.folder / asset.file

    def page(
        self,
        owner: str,
        *,
        limit: int,
        offset: int = 0,
        search: str = "",
        types: Sequence[str] = (),
        sort: str = "dateDesc",
    ) -> tuple[list[Asset], int]:
        """Some assets of a key, and how many there are in all.

        Raises:
            Refusal: there is no such order.
        """
        order = {f"{name}{way}": f"{column} {way.upper()}" for name, column in SORTS.items()
                 for way in ("Asc", "Desc")}.get(sort)  # fmt: skip
        if order is None:
            raise Refusal(400, "invalid_request", f"sortBy: there is no order {sort[:32]!r}")
        where, values = "owner = ?", [owner]
        if search:
            where += " AND instr(lower(name), lower(?))"
            values.append(search)
        if types:
            where += f" AND type IN ({', '.join('?' * len(types))})"
            values += types
        total = self._database.rows(f"SELECT count(*) FROM assets WHERE {where}", values)  # noqa: S608
        rows = self._database.rows(
            f"SELECT * FROM assets WHERE {where} ORDER BY {order}, seq LIMIT ? OFFSET ?",  # noqa: S608
            [*values, limit, offset],
        )
        return [_asset(row) for row in rows], total[0][0]

    def delete(self, asset: Asset) -> None:
        """Forget an asset and remove its file."""
        with self._database.change() as change:
            change.execute("DELETE FROM assets WHERE id = ?", (asset.id,))
        self.path(asset).unlink(missing_ok=True)

    def unused_before(self, instant: float, used: Iterable[str]) -> list[Asset]:
        """Assets older than an instant, but for those whose ids are `used`."""
        rows = self._database.rows("SELECT * FROM assets WHERE created < ?", (instant,))
        kept = set(used)
        return [asset for row in rows if (asset := _asset(row)).id not in kept]

    def announce(self, owner: str, name: str, size: int) -> str:
        """Expect an upload; its token."""
        token = secrets.token_urlsafe(24)
        with self._database.change() as change:
            change.execute(
                "INSERT INTO uploads (token, owner, name, size, created) VALUES (?, ?, ?, ?, ?)",
                (token, owner, name, size, time.time()),
            )
        return token

    def announced(self, token: str) -> sqlite3.Row:
        """An upload that is expected, or has come.

        Raises:
            Refusal: there is none, or no longer.
        """
        rows = self._database.rows(
            "SELECT * FROM uploads WHERE token = ? AND created > ?",
            (token, time.time() - UPLOAD_LIFE_S),
        )
        if not rows:
            raise Refusal(404, "upload_not_found", "there is no such upload, or no longer")
        return rows[0]

    def note_uploaded(self, token: str, stored: StoredFile) -> None:
        """An announced upload has come."""
        with self._database.change() as change:
            change.execute("UPDATE uploads SET file = ? WHERE token = ?", (stored.path.name, token))

    def forget_upload(self, token: str) -> None:
        """An announced upload was registered."""
        with self._database.change() as change:
            change.execute("DELETE FROM uploads WHERE token = ?", (token,))

    def sweep(self) -> None:
        """Remove files that no asset and no upload knows, and uploads nobody registered."""
        with self._database.change() as change:
            change.execute("DELETE FROM uploads WHERE created < ?", (time.time() - UPLOAD_LIFE_S,))
            known = {
                row["file"]
                for table in ("assets", "uploads")
                for row in change.execute(f"SELECT file FROM {table}")  # noqa: S608
            }
        old = time.time() - UPLOAD_LIFE_S
        for path in self.folder.iterdir():
            if path.name not in known and path.stat().st_mtime < old:
                path.unlink(missing_ok=True)


def _copy(
    head: bytes, source: IO[bytes], target: IO[bytes], most: int, what: str
) -> tuple[int, str]:
    """Copy what is left of a source behind its head; the size and the SHA-256 of all."""
    digest, size = hashlib.sha256(), 0
    read: Callable[[], bytes] = lambda: source.read(HEAD)  # noqa: E731
    for block in chain((head,), iter(read, b"")):
        size += len(block)
        if size > most:
            raise Refusal(413, "too_large", f"{what}: is larger than {most} bytes")
        digest.update(block)
        target.write(block)
    return size, digest.hexdigest()


def _asset(row: sqlite3.Row) -> Asset:
    return Asset(**{name: row[name] for name in row.keys() if name != "seq"})  # noqa: SIM118
