"""Thread limits of the libraries below."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")

STEADY = 2  # threads of a network, as on the smallest machine that is meant


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Run numpy's matrix products on a single thread.

    Ours are small, a few thousand numbers, and many per frame: a second thread busy-waits for the
    next product, which takes 14 ms instead of 0.3 ms once another program wants its core.
    """
    with threadpool_limits(limits=1, user_api="blas"):
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
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with single_threaded_blas():
            yield
    finally:
        cv2.setNumThreads(threads)
