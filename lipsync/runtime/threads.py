"""How many threads the libraries below us may use."""

from __future__ import annotations

from collections.abc import Iterator
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
