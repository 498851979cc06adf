"""Thread limits of the libraries below."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")

STEADY = 2  # threads of a network, as on the smallest machine that is meant


class SharedLimit:
    """A limit of the whole process, in force as long as any thread is inside of it.

    Several renders may run in one process. If each put back what it had found, the first one to end
    would lift the limit for the others, and the last one leave it on for ever.
    """

    def __init__(self, impose: Callable[[], None], lift: Callable[[], None]) -> None:
        """`impose` is called by everyone who enters, `lift` when the last one has left."""
        self._impose, self._lift = impose, lift
        self._lock, self._inside = threading.Lock(), 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the limit in force."""
        with self._lock:
            self._impose()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._lift()


class _BlasLimit:
    """One thread for numpy's matrix products, and for those of every library with its own BLAS.

    Only the thread that has set a limit may do so again or undo it, and who enters first may be
    gone when the last one leaves: a thread of its own does both. A library that is loaded later is
    limited by the next one who enters.
    """

    def __init__(self) -> None:
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="blas-limit")
        self._known: set[str] = set()
        self._limits: list[Any] = []

    def impose(self) -> None:
        """Limit the libraries that are loaded and not yet limited."""
        self._keeper.submit(self._limit_new).result()

    def lift(self) -> None:
        """All as it was."""
        self._keeper.submit(self._undo).result()

    def _limit_new(self) -> None:
        controller = ThreadpoolController()
        loaded = {one.filepath for one in controller.lib_controllers}
        if self._limits and loaded <= self._known:
            return
        self._known |= loaded
        limit = controller.limit(limits=1, user_api="blas")
        limit.__enter__()
        self._limits.append(limit)

    def _undo(self) -> None:
        while self._limits:  # the last one first: it found the others' limit
            self._limits.pop().__exit__(None, None, None)
        self._known.clear()


class _OpenCVLimit:
    """One thread for OpenCV."""

    def __init__(self) -> None:
        self._before: int | None = None

    def impose(self) -> None:
        """Limit it, if nobody has."""
        import cv2

        if self._before is None:
            self._before = cv2.getNumThreads()
            cv2.setNumThreads(1)

    def lift(self) -> None:
        """As many threads as before."""
        import cv2

        if self._before is not None:
            cv2.setNumThreads(self._before)
        self._before = None


_blas, _opencv = _BlasLimit(), _OpenCVLimit()
_BLAS = SharedLimit(_blas.impose, _blas.lift)
_OPENCV = SharedLimit(_opencv.impose, _opencv.lift)


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
    import scipy.linalg  # noqa: F401 — has a BLAS of its own, which must be there to be limited
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
