"""What the service tells its operator: one line of JSON per event, on stderr.

Events name generations, assets and keys by their ids and names. Places, addresses, texts and keys
of users are not among them.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Collection
from typing import Any, TextIO


def format_instant(seconds: float) -> str:
    """A time as in JSON: 2026-01-31T12:00:00.000Z."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


class EventLog:
    """Writes events; for several threads."""

    def __init__(self, stream: TextIO | None = None, without: Collection[str] = ()) -> None:
        """Write to a stream; None: stderr. Events of the kinds in `without` are left out."""
        self._stream, self._lock = stream or sys.stderr, threading.Lock()
        self._without = frozenset(without)

    def tell(self, event: str, **facts: Any) -> None:
        """Write an event; facts that are None are left out."""
        if event in self._without:
            return
        known = {name: value for name, value in facts.items() if value is not None}
        line = json.dumps({"time": format_instant(time.time()), "event": event, **known})
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()


class LogEvents(logging.Handler):
    """Makes events of the log records of libraries."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        self._log.tell("log", level=record.levelname.lower(), text=record.getMessage())
