"""Pool of worker processes that share many files and end with their parent."""

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


class WorkerPool:
    """Maps a function over items; made by `worker_pool`."""

    def __init__(self, pool: ProcessPoolExecutor | None) -> None:
        self._pool = pool

    def map(self, job: Callable[[T], R], items: Sequence[T], what: str = "") -> list[R]:
        """Apply a job to every item; results in order.

        Args:
            what: label of the progress counter on stderr; empty: no counter.
        """
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
        # The workers start here with SIGINT blocked: the parent handles Ctrl-C and ends them.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.map(job, items)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def worker_pool(processes: int) -> Iterator[WorkerPool]:
    """Open a pool of processes; with 1, everything runs in this process.

    The workers are terminated at once if an exception passes through or this process is killed.

    Raises:
        LipsyncError: a worker was killed.
    """
    if processes == 1:
        yield WorkerPool(None)
        return
    others = set(active_children())
    with _limit_threads():
        pool = ProcessPoolExecutor(processes, get_context("spawn"), _exit_with_parent)
        try:
            yield WorkerPool(pool)
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


def _exit_with_parent() -> None:
    """Make a worker exit when its parent ends, even if killed."""
    main = parent_process()
    assert main is not None  # noqa: S101  (this is a child)

    def wait() -> None:
        connection.wait([main.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def _limit_threads() -> Iterator[None]:
    """Start processes with one thread each: they already share the cores."""
    name = "OMP_NUM_THREADS"
    before = os.environ.get(name)
    os.environ.setdefault(name, "1")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name)
