"""The end of a process whose starter is gone, whatever it is doing."""

from __future__ import annotations

import importlib
import os
import select
import sys
import threading
import time

POLL_S = 0.5  # between two looks, where the system does not wake us


def end_with_starter() -> None:
    """From now on, end this process when nobody can write to its standard input any more.

    Without reading it: what is in it is for others.
    """
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    if hasattr(select, "poll"):
        watch = select.poll()
        # Only what is always told: that the other end is closed.
        watch.register(sys.stdin.fileno(), 0)
        watch.poll()
    else:
        _wait_until_closed(sys.stdin.fileno())
    # Not sys.exit: the other threads are in the middle of something. Encoders end when their input
    # does.
    os._exit(0)


def _wait_until_closed(stdin: int) -> None:
    """Wait until a pipe is closed, on Windows, which has to be asked again and again.

    It does not answer while another thread reads from the pipe; that one sees the end itself.
    """
    handle = importlib.import_module("msvcrt").get_osfhandle(stdin)
    peek = importlib.import_module("_winapi").PeekNamedPipe
    while True:
        try:
            peek(handle, 0)
        except OSError:
            return
        time.sleep(POLL_S)
