"""How many threads the libraries below us may use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")


@contextmanager
def small_products() -> Iterator[None]:
    """Numpy's matrix products on a single thread.

    Ours are of a few thousand numbers, many per frame: a second thread spins while it waits for
    the next one, and takes 14 ms instead of 0.3 as soon as another program wants its core.
    """
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on a single thread, and on as many as before afterwards.

    Our recurrent networks take tiny steps, thousands of them: with more threads each step waits
    for all of them, which costs 30 times the work as soon as another program wants a core.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def ahead(stream: Iterator[T], depth: int = 2) -> Iterator[T]:
    """The same items, made in a thread of their own, at most `depth` before they are wanted.

    Pictures are made by code that leaves the interpreter to others, so that one stage can work on
    the next frame while another finishes this one. What the stream raises is raised here; when
    this ends, it is closed.
    """
    end = object()
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting: deque[Future[object]] = deque()
            try:
                waiting.extend(pool.submit(next, stream, end) for _ in range(depth))
                while (item := waiting.popleft().result()) is not end:
                    waiting.append(pool.submit(next, stream, end))
                    yield item  # type: ignore[misc]
            finally:
                for future in waiting:
                    future.cancel()
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
