"""Turns: of several processes that want to make the same, one makes it and the others wait."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.runtime.path_lock import PathLock

POLL_S = 0.1


@contextmanager
def take_turn(place: Path) -> Iterator[bool]:
    """Hold the turn of a name; wait as long as a living process (or thread) holds it.

    Args:
        place: a file that stands for what is made; it is there only meanwhile.

    Yields:
        Whether another was waited for, and so may have made it. Where locks do not work nobody
        waits.
    """
    lock, waited = None, False
    with contextlib.suppress(OSError):  # no locks, or a folder that cannot be written
        place.parent.mkdir(exist_ok=True)
        while lock is None:
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                place.touch()
                lock = PathLock(place, exclusive=True)
                if not lock.is_of(place):  # removed by who held it
                    lock.release()
                    lock = None
                    continue
                break
            waited = True
            time.sleep(POLL_S)
    try:
        yield waited
    finally:
        if lock is not None:
            with contextlib.suppress(OSError):
                place.unlink()
            lock.release()
