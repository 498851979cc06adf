"""Thread limits that several renders of one process share."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest
from threadpoolctl import threadpool_info

from lipsync.runtime.threads import SharedLimit, single_threaded_blas, single_threaded_drawing


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    """OpenCV runs on three threads, whatever this machine has."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


def test_a_limit_holds_until_the_last_thread_has_left() -> None:
    first_left, inside = threading.Event(), threading.Event()
    seen = []

    def second() -> None:
        with single_threaded_drawing():
            inside.set()
            first_left.wait(10)
            seen.append(cv2.getNumThreads())

    thread = threading.Thread(target=second)
    with single_threaded_drawing():
        thread.start()
        assert inside.wait(10)
    first_left.set()
    thread.join(10)
    assert seen == [1]
    assert cv2.getNumThreads() == 3


def test_a_limit_is_lifted_when_the_last_one_leaves() -> None:
    happened: list[str] = []
    limit = SharedLimit(lambda: happened.append("imposed"), lambda: happened.append("lifted"))
    with limit.hold():
        with limit.hold():
            pass
        assert happened == ["imposed", "imposed"]
    assert happened == ["imposed", "imposed", "lifted"]


def test_a_library_that_is_loaded_later_is_limited_too() -> None:
    """In a process of its own, where scipy's BLAS is not loaded yet."""
    program = """
import numpy
from threadpoolctl import threadpool_info
from lipsync.runtime.threads import single_threaded_blas
def blas():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
with single_threaded_blas():
    before = len(blas())
    import scipy.linalg
    assert len(blas()) > before
    with single_threaded_blas():
        assert set(blas()) == {1}, blas()
assert set(blas()) == {2}, blas()
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def blas() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_matrix_products_are_limited_in_any_thread_again_and_again() -> None:
    def work() -> set[int]:
        with single_threaded_blas():
            return blas()

    before = blas()
    for _ in range(2):
        assert work() == {1}
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(work).result() == {1}
    assert blas() == before


def test_limits_nest() -> None:
    before = blas()
    with single_threaded_blas():
        with single_threaded_drawing():
            assert cv2.getNumThreads() == 1
            assert blas() == {1}
        assert blas() == {1}
        assert cv2.getNumThreads() == 3
    assert blas() == before
