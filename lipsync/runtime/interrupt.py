"""Ctrl-C, SIGTERM and SIGHUP: what they mean to a command, to its imports, to long training.

A command stops where it is and cleans up; training stops between two steps, so that it can be
resumed; while the program is being loaded there is nothing to clean up. A signal that the caller
ignores (`nohup`, a job in the background of a script) stays ignored.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):
    WORDS[signal.SIGHUP] = "hung up"
PATIENCE = 3  # so many signals end a program that does not get to its end


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop. `str()`, where it is not empty, says how to go on."""

    def __init__(self, text: str = "", number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.number = number


class StopRequest(threading.Event):
    """Set when a signal asks to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.number: int = signal.SIGINT  # the signal
        self.count = 0

    @property
    def word(self) -> str:
        """What has happened: interrupted, terminated or hung up."""
        return WORDS[signal.Signals(self.number)]

    @property
    def exit_code(self) -> int:
        """What shells call an end by this signal: 130, 143 or 129."""
        return 128 + self.number

    def error(self, text: str = "") -> Stopped:
        """The exception to stop with."""
        return Stopped(text, self.number)

    def note(self, number: int) -> None:
        """A signal has come."""
        if not self.count:
            self.number = number
        self.count += 1
        self.set()


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Raise `Stopped` at a signal.

    Libraries may swallow an exception that is raised under them: the request tells for sure.
    """
    request = StopRequest()

    def stop(number: int, frame: Any) -> None:
        request.note(number)
        if request.count >= PATIENCE:
            os._exit(request.exit_code)
        raise request.error()

    with _handled_by(stop):
        yield request


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """End the process at a signal with one line: for imports, which would make a traceback of it.

    Nothing may have been written yet.
    """

    def leave(number: int, frame: Any) -> None:
        request = StopRequest()
        request.note(number)
        try:
            os.write(2, f"lipsync: {request.word}; nothing was written\n".encode())
        finally:
            os._exit(request.exit_code)

    with _handled_by(leave):
        yield


@contextmanager
def graceful_interrupt() -> Iterator[StopRequest]:
    """Yield a request that a signal sets; a second signal stops at once.

    No step is left half done: a training step changes both the weights and the optimizer.
    """
    request = StopRequest()

    def stop(number: int, frame: Any) -> None:
        request.note(number)
        if request.count > 1:
            raise request.error()

    with _handled_by(stop):
        yield request


@contextmanager
def _handled_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Let a handler have the signals of WORDS, but those that are ignored; threads have none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, handler)
        for number in WORDS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
