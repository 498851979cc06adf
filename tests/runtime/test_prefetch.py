"""A stage that works ahead of the next one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from lipsync.runtime.prefetch import read_ahead


def test_all_items_in_order_made_in_another_thread() -> None:
    makers = set()

    def numbers() -> Iterator[int]:
        for i in range(50):
            makers.add(threading.get_ident())
            yield i

    assert list(read_ahead(numbers())) == list(range(50))
    assert makers and threading.get_ident() not in makers


def test_it_works_ahead_and_not_further_than_it_may() -> None:
    made = []

    def numbers() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    stream = read_ahead(numbers(), depth=3)
    assert next(stream) == 0
    stream.close()  # type: ignore[attr-defined]
    assert len(made) <= 4


def test_what_goes_wrong_there_is_raised_here() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise RuntimeError("no more")

    stream = read_ahead(broken())
    assert next(stream) == 1
    with pytest.raises(RuntimeError, match="no more"):
        next(stream)


def test_what_it_draws_on_is_closed_with_it() -> None:
    closed = []

    def numbers() -> Iterator[int]:
        try:
            yield from range(50)
        finally:
            closed.append(True)

    stream = read_ahead(numbers())
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_an_empty_stream_stays_empty() -> None:
    assert list(read_ahead(iter(()))) == []
