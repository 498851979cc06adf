"""Thread limits of the libraries below."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")

STEADY = 2  # threads of a network, as on the smallest machine that is meant


class SharedLimit:
    """A limit of the whole process, in force as long as any thread is inside of it.

    Several renders may run in one process. If each put back what it had found, the first one to end
    would lift the limit for the others, and the last one leave it on for ever.
    """

    def __init__(self, impose: Callable[[], Callable[[], Any]]) -> None:
        """`impose`: sets the limit, and returns what lifts it."""
        self._impose, self._lock = impose, threading.Lock()
        self._inside = 0
        self._lift: Callable[[], Any] | None = None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the limit in force."""
        with self._lock:
            if self._inside == 0:
                self._lift = self._impose()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0 and self._lift is not None:
                    self._lift()


def _limit_blas() -> Callable[[], Any]:
    """Limit OpenBLAS, which only the thread that has set a limit may do again or undo.

    Who enters first may be gone when the last one leaves: a thread of its own does both.
    """
    keeper = ThreadPoolExecutor(1, thread_name_prefix="blas-limit")
    limits = keeper.submit(threadpool_limits, limits=1, user_api="blas").result()
    keeper.submit(limits.__enter__).result()

    def lift() -> None:
        keeper.submit(limits.__exit__, None, None, None).result()
        keeper.shutdown()

    return lift


def _limit_opencv() -> Callable[[], Any]:
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    return lambda: cv2.setNumThreads(threads)


_BLAS, _OPENCV = SharedLimit(_limit_blas), SharedLimit(_limit_opencv)


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Run numpy's matrix products on a single thread.

    Ours are small, a few thousand numbers, and many per frame: a second thread busy-waits for the
    next product, which takes 14 ms instead of 0.3 ms once another program wants its core.
    """
    with _BLAS.hold():
        yield


@contextmanager
def steady_threads() -> Iterator[None]:
    """Run networks and matrix products on as many threads as everywhere else.

    How a sum is split among threads decides its last bits, and those a pixel's level here and
    there: the same render must be the same on machines with other cores, and where a cluster gives
    each task some of them.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(STEADY)
    try:
        with single_threaded_blas():
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def single_threaded_torch() -> Iterator[None]:
    """Run torch on a single thread; the former number is restored afterwards.

    Our recurrent networks take thousands of tiny steps. With several threads each step waits for
    all of them, which makes it 30 times slower once another program wants a core.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def single_threaded_drawing() -> Iterator[None]:
    """Run numpy's matrix products and OpenCV on the threads that call them.

    Stages that run beside one another have every core busy: splitting small pictures among further
    threads takes more of their time than it saves.
    """
    with _OPENCV.hold(), single_threaded_blas():
        yield
