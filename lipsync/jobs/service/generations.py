"""The queue: generations from PENDING to their end, each made once.

```
PENDING ─ claim → PROCESSING ─ finish → COMPLETED, FAILED, REJECTED
   └──────────────────┴─────── cancel → CANCELED
```
A claim is one transaction: no two threads get the same generation. What was PROCESSING when the
service died is PENDING again at the next start, unless its output is complete. An end and the
message that tells of it are written together.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lipsync.jobs.service import outbox
from lipsync.jobs.service.database import Database
from lipsync.jobs.service.refusal import Refusal, overloaded

PENDING, PROCESSING, COMPLETED, FAILED, REJECTED, CANCELED = (
    "PENDING", "PROCESSING", "COMPLETED", "FAILED", "REJECTED", "CANCELED"
)  # fmt: skip
STATUSES = (PENDING, PROCESSING, COMPLETED, FAILED, REJECTED, CANCELED)
OPEN = (PENDING, PROCESSING)
MOST_ATTEMPTS = 5  # at a generation during which the service dies
QUEUE_WAIT_S = 15.0  # after which a client may try again when the queue is full
SELECT = "SELECT * FROM generations WHERE "
COUNT_BATCH = "SELECT status, count(*) AS n FROM generations WHERE batch = ? GROUP BY status"


@dataclass(frozen=True)
class Generation:
    """A generation as it is in the database."""

    id: str
    owner: str  # name of the key; "" without keys
    batch: str | None
    status: str
    request: Mapping[str, Any]
    warnings: tuple[str, ...]
    attempts: int
    created: float
    started: float | None
    finished: float | None
    error: Mapping[str, Any] | None  # a JobError
    result: Mapping[str, Any] | None  # frames, fps, duration, seconds

    @staticmethod
    def of(row: sqlite3.Row) -> Generation:
        """The generation of a row."""
        told = {name: row[name] for name in row.keys() if name != "seq"}  # noqa: SIM118
        for name in ("request", "error", "result"):
            told[name] = None if told[name] is None else json.loads(told[name])
        return Generation(**{**told, "warnings": tuple(json.loads(told["warnings"]))})


# What the end of a generation is told to: (address, message), or None if nobody asked.
Describe = Callable[[Generation], tuple[str, str] | None]
# The same of a batch, by its id and how many of its generations have each status.
DescribeBatch = Callable[[sqlite3.Row, Mapping[str, int]], tuple[str, str] | None]


class Generations:
    """The generations of a database; for several threads."""

    def __init__(
        self, database: Database, describe: Describe, describe_batch: DescribeBatch
    ) -> None:
        """Use a database; the others give the messages that tell of an end."""
        self._database, self._describe = database, describe
        self._describe_batch = describe_batch

    def add(
        self,
        id: str,  # noqa: A002
        owner: str,
        request: Mapping[str, Any],
        warnings: Sequence[str],
        *,
        most_waiting: int,
        key: tuple[str, str] | None = None,
    ) -> tuple[Generation, bool]:
        """Add a generation; it is on the disk when this returns.

        Args:
            most_waiting: of the queue.
            key: of idempotency, and the digest of what was asked with it.

        Returns:
            The generation, and whether it is new: the same key again gives the one it gave.

        Raises:
            Refusal: the queue is full, or the key was used for something else.
        """
        with self._database.change() as change:
            if key is not None and (known := self._find_key(change, owner, *key)) is not None:
                return known, False
            _check_room(change, 1, most_waiting)
            _insert(change, id, owner, None, request, warnings)
            if key is not None:
                change.execute("INSERT INTO idempotency VALUES (?, ?, ?, ?)", (owner, *key, id))
            row = change.execute(f"{SELECT} id = ?", (id,)).fetchone()
        return Generation.of(row), True

    def add_batch(
        self,
        batch: str,
        owner: str,
        webhook: str | None,
        wanted: Sequence[tuple[str, str, Mapping[str, Any], Sequence[str]]],
        most_waiting: int,
    ) -> None:
        """Add a batch and all of its generations, or nothing.

        Args:
            wanted: (name in the batch, id, request, warnings).

        Raises:
            Refusal: there is no room for all of them in the queue.
        """
        with self._database.change() as change:
            _check_room(change, len(wanted), most_waiting)
            names = json.dumps({one[1]: one[0] for one in wanted})
            change.execute(
                "INSERT INTO batches VALUES (?, ?, ?, ?, ?)",
                (batch, owner, webhook, names, time.time()),
            )
            for _, id, request, warnings in wanted:  # noqa: A001
                _insert(change, id, owner, batch, request, warnings)

    def _find_key(
        self, change: sqlite3.Connection, owner: str, key: str, digest: str
    ) -> Generation | None:
        row = change.execute(
            "SELECT digest, generation FROM idempotency WHERE owner = ? AND key = ?", (owner, key)
        ).fetchone()
        if row is None:
            return None
        if row["digest"] != digest:
            line = "this Idempotency-Key was used for another request; use a new one"
            raise Refusal(422, "idempotency_conflict", line)
        there = change.execute(f"{SELECT} id = ?", (row["generation"],)).fetchone()
        return Generation.of(there)

    def find(self, id: str, owner: str) -> Generation | None:  # noqa: A002
        """A generation of a key."""
        rows = self._database.rows(f"{SELECT} id = ? AND owner = ?", (id, owner))
        return Generation.of(rows[0]) if rows else None

    def find_any(self, id: str) -> Generation | None:  # noqa: A002
        """A generation of whomever."""
        rows = self._database.rows(f"{SELECT} id = ?", (id,))
        return Generation.of(rows[0]) if rows else None

    def page(
        self,
        owner: str,
        *,
        statuses: Sequence[str] = (),
        ids: Sequence[str] = (),
        limit: int = 100,
        before: str | None = None,
    ) -> list[Generation]:
        """The generations of a key, the newest first.

        Args:
            before: id of the one that the last page ended with.
        """
        where, values = ["owner = ?"], [owner]
        for name, chosen in (("status", statuses), ("id", ids)):
            if chosen:
                where.append(f"{name} IN ({', '.join('?' * len(chosen))})")
                values += chosen
        if before is not None:
            where.append("seq < (SELECT seq FROM generations WHERE id = ?)")
            values.append(before)
        question = f"{SELECT} {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"
        return [Generation.of(row) for row in self._database.rows(question, [*values, limit])]

    def claim(self) -> Generation | None:
        """Take the next generation: of the key that has the fewest running, the oldest."""
        with self._database.change() as change:
            row = change.execute(
                "SELECT id FROM generations AS g WHERE status = ? ORDER BY (SELECT count(*) "
                "FROM generations AS r WHERE r.status = ? AND r.owner = g.owner), seq LIMIT 1",
                (PENDING, PROCESSING),
            ).fetchone()
            if row is None:
                return None
            change.execute(
                "UPDATE generations SET status = ?, attempts = attempts + 1, started = ? "
                "WHERE id = ? AND status = ?",
                (PROCESSING, time.time(), row["id"], PENDING),
            )
            return Generation.of(change.execute(f"{SELECT} id = ?", (row["id"],)).fetchone())

    def release(self, id: str) -> None:  # noqa: A002
        """Give back a claim, as if it had not been taken."""
        with self._database.change() as change:
            change.execute(
                "UPDATE generations SET status = ?, attempts = attempts - 1, started = NULL "
                "WHERE id = ? AND status = ?",
                (PENDING, id, PROCESSING),
            )

    def finish(
        self,
        id: str,  # noqa: A002
        status: str,
        *,
        error: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        warnings: Iterable[str] = (),
        before: Sequence[str] = (PROCESSING,),
    ) -> Generation | None:
        """End a generation, and leave a message of it; None: it has ended before.

        Args:
            before: statuses in which it may be.
        """
        with self._database.change() as change:
            row = change.execute(f"{SELECT} id = ?", (id,)).fetchone()
            if row is None or row["status"] not in before:
                return None
            known = [*json.loads(row["warnings"]), *warnings]
            change.execute(
                "UPDATE generations SET status = ?, error = ?, result = ?, warnings = ?, "
                "finished = ? WHERE id = ?",
                (status, None if error is None else json.dumps(error),
                 None if result is None else json.dumps(result),
                 json.dumps(list(dict.fromkeys(known))), time.time(), id),
            )  # fmt: skip
            ended = Generation.of(change.execute(f"{SELECT} id = ?", (id,)).fetchone())
            message = self._describe(ended)
            if message is not None:
                outbox.add(change, ended.id, *message)
            if ended.batch is not None:
                self._end_batch(change, ended.batch)
        return ended

    def _end_batch(self, change: sqlite3.Connection, batch: str) -> None:
        """Leave a message of a batch, if the last of its generations has ended."""
        counts = count_statuses(change.execute(COUNT_BATCH, (batch,)).fetchall())
        row = change.execute("SELECT * FROM batches WHERE id = ?", (batch,)).fetchone()
        if row is not None and not any(counts[status] for status in OPEN):
            message = self._describe_batch(row, counts)
            if message is not None:
                outbox.add(change, batch, *message)

    def interrupted(self) -> list[Generation]:
        """Those that were being made when the service ended."""
        return [
            Generation.of(row)
            for row in self._database.rows(f"{SELECT} status = ? ORDER BY seq", (PROCESSING,))
        ]

    def requeue(self, id: str) -> None:  # noqa: A002
        """Make an interrupted one wait again; the attempt counts."""
        with self._database.change() as change:
            change.execute(
                "UPDATE generations SET status = ?, started = NULL WHERE id = ? AND status = ?",
                (PENDING, id, PROCESSING),
            )

    def delete(self, id: str) -> None:  # noqa: A002
        """Forget a generation, its keys and its messages."""
        with self._database.change() as change:
            change.execute("DELETE FROM generations WHERE id = ?", (id,))
            change.execute("DELETE FROM idempotency WHERE generation = ?", (id,))
            change.execute("DELETE FROM deliveries WHERE generation = ?", (id,))

    def count(self) -> dict[str, int]:
        """How many there are of each status."""
        return count_statuses(
            self._database.rows("SELECT status, count(*) AS n FROM generations GROUP BY status")
        )

    def ended_before(self, instant: float) -> list[str]:
        """The ids of those that ended before an instant."""
        rows = self._database.rows("SELECT id FROM generations WHERE finished < ?", (instant,))
        return [row["id"] for row in rows]

    def open_requests(self) -> list[Mapping[str, Any]]:
        """What is asked of those that have not ended."""
        rows = self._database.rows(f"{SELECT} status IN (?, ?)", OPEN)
        return [json.loads(row["request"]) for row in rows]


def count_statuses(rows: Iterable[sqlite3.Row]) -> dict[str, int]:
    """How many there are of each status, from rows of some."""
    return {**dict.fromkeys(STATUSES, 0), **{row["status"]: row["n"] for row in rows}}


def _check_room(change: sqlite3.Connection, more: int, most: int) -> None:
    question = "SELECT count(*) FROM generations WHERE status = ?"
    waiting = change.execute(question, (PENDING,)).fetchone()[0]
    if waiting + more > most:
        line = f"{waiting} generations are waiting already, and {most} may; try again later"
        raise overloaded("queue_full", line, QUEUE_WAIT_S)


def _insert(
    change: sqlite3.Connection,
    id: str,  # noqa: A002
    owner: str,
    batch: str | None,
    request: Mapping[str, Any],
    warnings: Sequence[str],
) -> None:
    change.execute(
        "INSERT INTO generations (id, owner, batch, status, request, warnings, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (id, owner, batch, PENDING, json.dumps(request), json.dumps(list(warnings)), time.time()),
    )
