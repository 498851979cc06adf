"""The end of a process whose starter is gone, whatever it is doing."""

from __future__ import annotations

import os
import select
import sys
import threading


def end_with_starter() -> None:
    """From now on, end this process when nobody can write to its standard input any more.

    Without reading it: what is in it is for others.
    """
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    watch = select.poll()
    watch.register(sys.stdin.fileno(), 0)  # only what is always told: that the other end is closed
    watch.poll()
    # Not sys.exit: the other threads are in the middle of something. Encoders end when their input
    # does.
    os._exit(0)
