"""Where the time of a render goes, stage by stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class _Running(threading.local):
    """What one thread is at."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.since = 0.0


class Clock:
    """Adds up wall time per stage. A stage that waits for another's stream is not charged for it:
    time belongs to the innermost stage. Threads are timed each by itself, so that stages beside
    one another add up to more than what has passed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running = _Running()
        self._adding = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge what happens inside to `name`."""
        self._charge()
        self._running.stages.append(name)
        try:
            yield
        finally:
            self._charge()
            self._running.stages.pop()

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass a stream on, charging the making of each item to `name`; closes the stream."""
        stream = iter(items)
        try:
            while True:
                with self.stage(name):
                    try:
                        item = next(stream)
                    except StopIteration:
                        return
                yield item
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def _charge(self) -> None:
        now = time.perf_counter()
        if self._running.stages:
            name = self._running.stages[-1]
            with self._adding:
                self.seconds[name] = self.seconds.get(name, 0.0) + now - self._running.since
        self._running.since = now
