"""Batches: many requests in one file, added to the queue together, told of together."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lipsync.jobs.service.database import Database
from lipsync.jobs.service.event_log import format_instant
from lipsync.jobs.service.generations import (
    COMPLETED,
    COUNT_BATCH,
    OPEN,
    PENDING,
    Generation,
    count_statuses,
)
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.request_reading import parse_json
from lipsync.jobs.service.schema import GenerateRequest, read_said
from lipsync.jobs.service.signatures import Links
from lipsync.jobs.service.views import write_plainly

MOST_LINES = 500
FAULTS_TOLD = 10
STATUSES = ("PENDING", "JOBS_CREATED", "PROCESSING", "COMPLETED", "FAILED")


@dataclass(frozen=True)
class Line:
    """A request of a batch."""

    name: str  # `request_id`
    request: GenerateRequest


def read_batch(data: bytes) -> list[Line]:
    """The requests of a file: one JSON object a line, `{"request_id": …, "payload": {…}}`.

    A line may be the request itself, and is then named by its number.

    Raises:
        Refusal: lines are wrong; it names them.
    """
    lines, faults = [], []
    texts = [(n, text) for n, text in enumerate(data.splitlines(), 1) if text.strip()]
    if not 1 <= len(texts) <= MOST_LINES:
        line = f"input: wanted 1 to {MOST_LINES} lines, got {len(texts)}"
        raise Refusal(400, "invalid_request", line)
    for number, text in texts:
        try:
            said = parse_json(text, f"line {number}")
            named = said if isinstance(said, dict) and "payload" in said else {"payload": said}
            name = str(named.get("request_id", number))[:255]
            request = read_said(GenerateRequest, named["payload"])
            lines.append(Line(name, request))
        except Refusal as refusal:  # noqa: PERF203
            faults.append(
                f"line {number}: {refusal.error.message.removeprefix(f'line {number}: ')}"
            )
    names = [line.name for line in lines]
    faults += [f"request_id {n!r} is given twice" for n in sorted(set(names)) if names.count(n) > 1]
    check_faults(faults)
    return lines


def check_faults(faults: Sequence[str]) -> None:
    """See whether a batch has faults.

    Raises:
        Refusal: it has; some are told.
    """
    if faults:
        more = f"; {len(faults) - FAULTS_TOLD} more" if len(faults) > FAULTS_TOLD else ""
        line = f"input: {'; '.join(faults[:FAULTS_TOLD])}{more}"
        raise Refusal(400, "invalid_request", line)


class Batches:
    """The batches of a database."""

    def __init__(self, database: Database, links: Links) -> None:
        self._database, self._links = database, links

    def find(self, id: str, owner: str | None) -> sqlite3.Row | None:  # noqa: A002
        """A batch of a key; without one, of whomever."""
        rows = self._database.rows("SELECT * FROM batches WHERE id = ?", (id,))
        return rows[0] if rows and owner in (None, rows[0]["owner"]) else None

    def all(self, owner: str) -> Iterator[sqlite3.Row]:
        """The batches of a key, the newest first."""
        question = "SELECT * FROM batches WHERE owner = ? ORDER BY created DESC"
        yield from self._database.rows(question, (owner,))

    def view(self, row: sqlite3.Row) -> dict[str, Any]:
        """A batch in the API's names."""
        counts = count_statuses(self._database.rows(COUNT_BATCH, (row["id"],)))
        return describe_batch(row, counts, self._links)

    def results(self, row: sqlite3.Row) -> list[tuple[str, Generation]]:
        """The generations of a batch by their names, in its order."""
        names = json.loads(row["names"])
        question = "SELECT * FROM generations WHERE batch = ? ORDER BY seq"
        found = [Generation.of(one) for one in self._database.rows(question, (row["id"],))]
        return [(names[one.id], one) for one in found]

    def forget_before(self, instant: float) -> None:
        """Forget old batches all of whose generations are forgotten."""
        with self._database.change() as change:
            change.execute(
                "DELETE FROM batches WHERE created < ? AND id NOT IN "
                "(SELECT batch FROM generations WHERE batch IS NOT NULL)",
                (instant,),
            )


def new_batch_id() -> str:
    """The id of a batch that is to be added."""
    return f"bat_{secrets.token_hex(12)}"


def describe_batch(row: sqlite3.Row, counts: Mapping[str, int], links: Links) -> dict[str, Any]:
    """A batch as clients are told of it."""
    total, left = sum(counts.values()), sum(counts[status] for status in OPEN)
    done = counts[COMPLETED]
    if left:
        status = "JOBS_CREATED" if counts[PENDING] == total else "PROCESSING"
    else:
        status = "COMPLETED" if done else "FAILED"
    return {
        "id": row["id"],
        "created_at": format_instant(row["created"]),
        "status": status,
        "metrics": {
            "total_generations": total,
            "success_count": done,
            "failed_count": total - left - done,
            "pending_count": left,
        },
        "webhookUrl": row["webhook"],
        "outputUrl": links.make(f"/v2/batch/{row['id']}/results.jsonl"),
    }


def batch_message(
    row: sqlite3.Row, counts: Mapping[str, int], links: Links
) -> tuple[str, str] | None:
    """Where to tell that a batch has ended, and how; None: nobody asked."""
    if not row["webhook"]:
        return None
    return row["webhook"], write_plainly(describe_batch(row, counts, links))
