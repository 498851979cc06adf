"""The service's memory: one SQLite file, from which it goes on after any end.

What a client was told is on the disk before: every change is a transaction, and the write-ahead log
is synced with it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lipsync.errors import OutputError
from lipsync.runtime.path_lock import PathLock

VERSION = 1  # of the schema
SCHEMA = """
CREATE TABLE generations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
    batch TEXT, status TEXT NOT NULL, request TEXT NOT NULL, warnings TEXT NOT NULL DEFAULT '[]',
    attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, started REAL, finished REAL,
    error TEXT, result TEXT);
CREATE INDEX generations_by_status ON generations (status, seq);
CREATE INDEX generations_by_owner ON generations (owner, seq);
CREATE INDEX generations_by_batch ON generations (batch);
CREATE TABLE batches (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, webhook TEXT, names TEXT NOT NULL,
    created REAL NOT NULL);
CREATE TABLE idempotency (
    owner TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, generation TEXT NOT NULL,
    PRIMARY KEY (owner, key));
CREATE TABLE assets (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
    name TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL,
    format TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL,
    duration REAL, width INTEGER, height INTEGER, created REAL NOT NULL);
CREATE INDEX assets_by_owner ON assets (owner, seq);
CREATE TABLE uploads (
    token TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
    file TEXT, created REAL NOT NULL);
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY, generation TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, state TEXT NOT NULL DEFAULT 'waiting');
CREATE INDEX deliveries_by_due ON deliveries (state, due);
"""


class Database:
    """One connection, which threads take turns at; no other process may use it meanwhile."""

    def __init__(self, folder: Path) -> None:
        """Open the database of a folder, make it if there is none.

        Raises:
            OutputError: it cannot be used, another service does, or a later version made it.
        """
        self.path, self._lock = folder / "service.sqlite3", threading.RLock()
        try:
            self.path.touch(mode=0o600)
            self._owned: PathLock | None = PathLock(self.path, exclusive=True)
        except BlockingIOError:
            raise OutputError(
                f"{folder}: another service is using this folder; give --data another one"
            ) from None
        except OSError as error:
            if not self.path.exists():
                reason = error.strerror or str(error)
                raise OutputError(f"{folder}: cannot be written ({reason})") from None
            self._owned = None  # no locks here
        try:
            self._connection = sqlite3.connect(
                self.path, check_same_thread=False, isolation_level=None
            )
            self._connection.row_factory = sqlite3.Row
            self._prepare()
        except sqlite3.Error as error:
            raise OutputError(f"{self.path}: cannot be used ({error})") from None

    def _prepare(self) -> None:
        for setting in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
            self._connection.execute(f"PRAGMA {setting}")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise OutputError(f"{self.path}: a later version of lipsync made it; use that one")
        if version == 0:
            self._connection.executescript(
                f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            )

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """All that is executed inside is written together, or nothing of it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, question: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows that answer a question."""
        with self._lock:
            return self._connection.execute(question, values).fetchall()

    def close(self) -> None:
        """Let others use it."""
        with self._lock:
            self._connection.close()
        if self._owned is not None:
            self._owned.release()
