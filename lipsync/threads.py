"""How many threads torch may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


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
