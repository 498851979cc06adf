"""Memory that is no longer used, given back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

# Of `mallopt` (glibc, malloc.h).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Bytes of an array that goes back to the system as soon as nobody needs it: less than what is made
# of ten minutes of sound or of a face's track, more than a picture at 1080p as it is coded.
LARGE = 4 << 20
# Bytes that stay at the end of the heap: what one picture frees the next one needs.
KEPT = 64 << 20


def return_large_arrays() -> None:
    """From now on, give large arrays back when they are freed; call it in a process of our own.

    glibc keeps up to 32 MB of a kind for the next one, in pieces that hardly ever fit: the memory
    of a render would grow with the length of its target. Elsewhere nothing happens.
    """
    _call("mallopt", M_MMAP_THRESHOLD, LARGE)
    _call("mallopt", M_TRIM_THRESHOLD, KEPT)


def release_unused_memory() -> None:
    """Give back what has been freed; call it where a stage with large arrays is over."""
    gc.collect()
    _call("malloc_trim", 0)


def _call(name: str, *values: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            getattr(ctypes.CDLL(None), name)(*values)
