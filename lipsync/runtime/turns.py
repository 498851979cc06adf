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
        place: a file that stands for what is made; it, and its folder, are there only meanwhile.

    Yields:
        Whether another was waited for, and so may have made it. Where locks do not work nobody
        waits.
    """
    lock, waited = None, False
    with contextlib.suppress(OSError):  # no locks, or a folder that cannot be written
        while lock is None:
            lock, held = _try_to_lock(place)
            if held:
                waited = True
                time.sleep(POLL_S)
    try:
        yield waited
    finally:
        if lock is not None:
            with contextlib.suppress(OSError):
                place.unlink()
                place.parent.rmdir()  # unless others are in it
            lock.release()


def _try_to_lock(place: Path) -> tuple[PathLock | None, bool]:
    """The lock of a place, or whether another holds it; neither: it was removed, ask again.

    Raises:
        OSError: there are no locks here.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        lock = PathLock(place, exclusive=True)
    except BlockingIOError:
        return None, True
    except FileNotFoundError:
        return None, False
    if lock.is_of(place):
        return lock, False
    lock.release()
    return None, False
