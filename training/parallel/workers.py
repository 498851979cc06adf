"""Processes that share the work on many files; they end with the one that started them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, connection, get_context, parent_process
from typing import TypeVar

from lipsync.errors import LipsyncError

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """Use with `workers`."""

    def __init__(self, pool: ProcessPoolExecutor | None) -> None:
        self._pool = pool

    def each(self, job: Callable[[T], R], items: Sequence[T], what: str = "") -> list[R]:
        """The job's result for every item, in order; `what` is counted on stderr."""
        found: list[R] = []
        for result in self._results(job, items):
            found.append(result)
            if what:
                print(f"\r{what}: {len(found)}/{len(items)}", end="", file=sys.stderr, flush=True)
        if what and items:
            print(file=sys.stderr)
        return found

    def _results(self, job: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        if self._pool is None:
            return map(job, items)
        # The processes start here, and never hear of Ctrl-C: it is for this one to end them.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.map(job, items)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def workers(processes: int) -> Iterator[Workers]:
    """So many processes; 1: everything happens in this one.

    They end at once, whatever they are at, if an exception comes by or this process is killed.

    Raises:
        LipsyncError: one of them was killed.
    """
    if processes == 1:
        yield Workers(None)
        return
    others = set(active_children())
    with _one_thread_each():
        pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin)
        try:
            yield Workers(pool)
        except BrokenProcessPool:
            raise LipsyncError(
                "a process was ended from outside, usually for want of memory: start fewer "
                "(--processes); the same command goes on where this one stopped"
            ) from None
        except BaseException:
            for process in set(active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """End with the main process, however that ends."""
    main = parent_process()
    assert main is not None  # noqa: S101  (this is a child)

    def wait() -> None:
        connection.wait([main.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """What is started inside does its sums on one thread: processes share the cores already."""
    name = "OMP_NUM_THREADS"
    before = os.environ.get(name)
    os.environ.setdefault(name, "1")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name)
