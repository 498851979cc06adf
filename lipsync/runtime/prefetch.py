"""Running a stream ahead of its consumer, in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from lipsync.runtime.threads import T


def read_ahead(stream: Iterator[T], depth: int = 2) -> Iterator[T]:
    """The same items, produced by a thread that runs at most `depth` items ahead.

    Image code releases the interpreter lock, so that one stage can work on the next frame while
    another finishes this one. Exceptions of the stream are raised here; the stream is closed at
    the end.
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
