"""Memory that is no longer used, given back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress


def release_unused_memory() -> None:
    """Give back what has been freed; call it where a stage with large arrays is over.

    glibc keeps freed memory of the sizes that our arrays have, hundreds of megabytes after a long
    target. Elsewhere nothing happens.
    """
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
