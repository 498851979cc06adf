"""How often one client may ask: a bucket of tokens that fills evenly."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

BURST_S = 10.0  # of unused rate that a client may use at once
MOST_CLIENTS = 10_000  # that are remembered; the longest silent one is forgotten first


class Rates:
    """Counts the requests of every client; for several threads."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Let every client ask so many times a minute."""
        self._each_s, self._most = 60.0 / per_minute, max(1.0, per_minute / 60.0 * BURST_S)
        self._clock, self._lock = clock, threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # (tokens, at)

    def take(self, client: str) -> float:
        """Count a request; seconds to wait if there were too many, else 0."""
        with self._lock:
            now = self._clock()
            left, before = self._left.pop(client, (self._most, now))
            left = min(self._most, left + (now - before) / self._each_s)
            allowed = left >= 1.0
            self._left[client] = (left - allowed, now)
            while len(self._left) > MOST_CLIENTS:
                self._left.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) * self._each_s
