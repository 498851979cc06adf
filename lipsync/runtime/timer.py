"""Wall and CPU time per stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class _Running(threading.local):
    """The stages that one thread is in."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.since = self.worked_since = 0.0


class StageTimer:
    """Adds up wall and CPU time per stage.

    Time is charged to the innermost stage: one that consumes another's stream is not charged for
    producing it. Each thread is timed by itself, so that parallel stages add up to more than the
    time elapsed. CPU time of threads that libraries start, and of ffmpeg, is nobody's.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}
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

    def add(self, seconds: Mapping[str, float], cpu_seconds: Mapping[str, float]) -> None:
        """Add what another timer measured."""
        with self._adding:
            for total, more in ((self.seconds, seconds), (self.cpu_seconds, cpu_seconds)):
                for name, value in more.items():
                    total[name] = total.get(name, 0.0) + value

    def _charge(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        if self._running.stages:
            name = self._running.stages[-1]
            with self._adding:
                for total, spent in (
                    (self.seconds, now - self._running.since),
                    (self.cpu_seconds, worked - self._running.worked_since),
                ):
                    total[name] = total.get(name, 0.0) + spent
        self._running.since, self._running.worked_since = now, worked
