"""Processes that share the work: how they end."""

from __future__ import annotations

import os
import signal
import time

import pytest

from lipsync.errors import LipsyncError
from training.parallel import workers


@pytest.mark.slow
def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(LipsyncError, match="start fewer"), workers.worker_pool(2) as pool:
        pool.map(os._exit, [1, 1])


@pytest.mark.slow
def test_processes_end_at_once_when_they_are_interrupted() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt), workers.worker_pool(2) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            pool.map(time.sleep, [300, 300, 300])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started < 100
