"""Messages that wait to be delivered: rows of the database, written with what they tell of."""

from __future__ import annotations

import secrets
import sqlite3
import time
from dataclasses import dataclass

from lipsync.jobs.service.database import Database

# Seconds after each attempt that failed; after the last one a message is given up.
DELAYS_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)


@dataclass(frozen=True)
class Delivery:
    """A message to one address."""

    id: str  # the same for every attempt: receivers tell by it what they have had
    generation: str
    url: str
    body: str
    attempts: int  # that failed


def add(change: sqlite3.Connection, generation: str, url: str, body: str) -> None:
    """Add a message, in the change that it tells of."""
    change.execute(
        "INSERT INTO deliveries (id, generation, url, body, due) VALUES (?, ?, ?, ?, ?)",
        (f"msg_{secrets.token_hex(12)}", generation, url, body, time.time()),
    )


class Outbox:
    """The messages of a database; for several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, most: int) -> list[Delivery]:
        """Messages whose time has come, the longest waiting first."""
        rows = self._database.rows(
            "SELECT id, generation, url, body, attempts FROM deliveries "
            "WHERE state = 'waiting' AND due <= ? ORDER BY due LIMIT ?",
            (time.time(), most),
        )
        return [Delivery(**row) for row in map(dict, rows)]

    def note_delivered(self, id: str) -> None:  # noqa: A002
        """It has arrived."""
        self._set(id, "delivered")

    def note_failed(self, one: Delivery, *, for_good: bool = False) -> bool:
        """It has not arrived; whether it will be tried again."""
        if for_good or one.attempts >= len(DELAYS_S):
            self._set(one.id, "given_up")
            return False
        with self._database.change() as change:
            change.execute(
                "UPDATE deliveries SET attempts = attempts + 1, due = ? WHERE id = ?",
                (time.time() + DELAYS_S[one.attempts], one.id),
            )
        return True

    def _set(self, id: str, state: str) -> None:  # noqa: A002
        with self._database.change() as change:
            change.execute("UPDATE deliveries SET state = ? WHERE id = ?", (state, id))

    def count_waiting(self) -> int:
        """Messages that have not arrived."""
        rows = self._database.rows("SELECT count(*) FROM deliveries WHERE state = 'waiting'")
        return int(rows[0][0])
