"""What happens in a render, as values; cancelling a render, and limiting its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lipsync.errors import CancelledError, LipsyncError, TimeLimitError
from lipsync.report.results import RenderResult


@dataclass(frozen=True)
class RenderStarted:
    """What is asked for was read and checked; the work begins."""

    video: Path
    output: Path | None  # None: frames are handed out


@dataclass(frozen=True)
class StageProgress:
    """A stage has come so far."""

    stage: str
    done: int
    total: int | None  # None: unknown
    seconds: float  # since the start


@dataclass(frozen=True)
class RenderWarned:
    """Something that the user should know of the result."""

    text: str


@dataclass(frozen=True)
class RenderFinished:
    """The output is complete."""

    result: RenderResult


@dataclass(frozen=True)
class RenderFailed:
    """There is no output; the error is raised as well."""

    error: LipsyncError


Event = RenderStarted | StageProgress | RenderWarned | RenderFinished | RenderFailed
OnEvent = Callable[[Event], None]


@dataclass(eq=False)
class Watch:
    """Stops a render that is cancelled or takes too long; tells how far it is.

    A render asks at every step of every stage, in the thread that called it: it stops within a
    moment, with nothing half-written. What it has put into the cache stays.
    """

    cancel: threading.Event | None = None
    timeout: float | None = None  # seconds
    on_event: OnEvent | None = None
    closed: threading.Event | None = None  # of who renders: as if all were cancelled
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    def check(self) -> None:
        """Raises: CancelledError, TimeLimitError: it has to stop."""
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("the render was cancelled")
        if self.closed is not None and self.closed.is_set():
            raise CancelledError("the renderer was closed")
        if self.timeout is not None and self.seconds > self.timeout:
            raise TimeLimitError(
                f"the render was not finished within {self.timeout:g} s; allow more, or render "
                "the target once beforehand: its analysis is kept"
            )

    def report(self, stage: str, done: int, total: int | None) -> None:
        """A `Progress`.

        Raises:
            CancelledError, TimeLimitError: see `check`.
        """
        self.check()
        self.tell(StageProgress(stage, done, total, self.seconds))

    def tell(self, event: Event) -> None:
        """Hand an event to the caller."""
        if self.on_event is not None:
            self.on_event(event)
