"""Wall time per stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class _Running(threading.local):
    """The stages that one thread is in."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.since = 0.0


class StageTimer:
    """Adds up wall time per stage.

    Time is charged to the innermost stage: one that consumes another's stream is not charged for
    producing it. Each thread is timed by itself, so that parallel stages add up to more than the
    time elapsed.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running = _Running()
        self._adding = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge the time inside the context to `name`."""
        self._charge()
        self._running.stages.append(name)
        try:
            yield
        finally:
            self._charge()
            self._running.stages.pop()

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass a stream on, charging the production of each item to `name`; closes the stream."""
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
