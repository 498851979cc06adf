"""What became of a job, for programs: done with its result, or failed with a reason.

A program that gets an error wants to know three things: whose fault it is, what it is called, and
whether to try again. Here every error has a kind, a code, a message (one line, for people) and a
flag.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lipsync.errors import InputError, LipsyncError, OptionsError, OutputError

# Kinds: whose fault it is.
INPUT, OPTIONS, OUTPUT, SYSTEM, CANCELLED, BUG = (
    "input", "options", "output", "system", "cancelled", "bug"
)  # fmt: skip
# Of the system: what passes.
_PASSING = frozenset((
    errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.ESTALE,
    errno.ETIMEDOUT,
))  # fmt: skip


@dataclass(frozen=True)
class JobError:
    """Why a job failed."""

    kind: str  # input, options, output, system, cancelled or bug
    code: str  # no_face, media, audio, worker_lost, timed_out …
    message: str  # one line, for people
    retryable: bool  # the same job may succeed if it is tried again

    @staticmethod
    def of(error: BaseException) -> JobError:
        """The error that a program reads of one that was raised."""
        code, line = _name(error), " ".join(str(error).split()) or type(error).__name__
        cause = error.__cause__ if isinstance(error, OutputError) else error
        passing = isinstance(cause, MemoryError) or (
            isinstance(cause, OSError) and cause.errno in _PASSING
        )
        kinds: tuple[tuple[type[BaseException], str], ...] = (
            (InputError, INPUT), (OptionsError, OPTIONS), (OutputError, OUTPUT),
            (LipsyncError, SYSTEM), (MemoryError, SYSTEM), (OSError, SYSTEM),
        )  # fmt: skip
        kind = next((kind for known, kind in kinds if isinstance(error, known)), BUG)
        return JobError(kind, code, line, passing)

    @staticmethod
    def worker_lost(how: str) -> JobError:
        """The process that worked on it died."""
        return JobError(SYSTEM, "worker_lost", f"the process that made it died ({how})", True)

    @staticmethod
    def timed_out(seconds: float) -> JobError:
        """It took longer than was allowed."""
        line = f"it was not finished within {seconds:g} s; what is finished of it is kept"
        return JobError(SYSTEM, "timed_out", line, True)

    @staticmethod
    def cancelled() -> JobError:
        """Somebody no longer wanted it."""
        return JobError(CANCELLED, "cancelled", "it was cancelled", False)


@dataclass(frozen=True)
class JobOutcome:
    """What became of a job."""

    id: str
    ok: bool
    output: str
    seconds: float  # of wall time, of the last attempt
    attempts: int = 1
    result: Mapping[str, Any] | None = None  # see `RenderResult`; None: it failed
    error: JobError | None = None
    worker: str = ""  # where it was made

    def to_json(self) -> dict[str, Any]:
        """The outcome as JSON; what does not apply is left out."""
        told = asdict(self)
        return {name: value for name, value in told.items() if value not in (None, "")}

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> JobOutcome:
        """What `to_json` gave; other keys do not matter.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        error = told.get("error")
        return JobOutcome(
            id=str(told["id"]),
            ok=bool(told["ok"]),
            output=str(told["output"]),
            seconds=float(told["seconds"]),
            attempts=int(told.get("attempts", 1)),
            result=told.get("result"),
            error=None if error is None else JobError(**error),
            worker=str(told.get("worker", "")),
        )


def as_line(told: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(told, default=str)


def _name(error: BaseException) -> str:
    """`NoFaceError` → no_face."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
