"""Why a request is not done: what the client is told, and with which status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.jobs.outcome import INPUT, OPTIONS, SYSTEM, JobError

STATUS_OF = {INPUT: 400, OPTIONS: 400}  # kinds of a JobError; of all others 500

UNREAD = (408, 413, 431)  # statuses of requests that were not read to their end


class Refusal(Exception):  # noqa: N818 — no error of ours
    """A request, or a generation, that is turned down for a reason its client can read."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = INPUT,
        retryable: bool = False,
        wait_s: float | None = None,
    ) -> None:
        """Say why.

        Args:
            status: of the answer.
            wait_s: seconds after which to try again.
        """
        super().__init__(message)
        self.status, self.wait_s = status, wait_s
        self.error = JobError(kind, code, message, retryable)

    @staticmethod
    def of(error: JobError | LipsyncError) -> Refusal:
        """A refusal for an error of a job or of the renderer."""
        told = error if isinstance(error, JobError) else JobError.of(error)
        status = STATUS_OF.get(told.kind, 500)
        return Refusal(status, told.code, told.message, kind=told.kind, retryable=told.retryable)

    def body(self) -> dict[str, Any]:
        """The answer: `message` and `statusCode` as clients of the API read them, and our error."""
        return {
            "message": self.error.message,
            "statusCode": self.status,
            "errorCode": self.error.code,
            "error": asdict(self.error),
        }

    def headers(self) -> Mapping[str, str]:
        """What the answer says in its head."""
        told = {} if self.wait_s is None else {"Retry-After": str(max(1, round(self.wait_s)))}
        if self.status in UNREAD:  # what else the client sends is not read
            told["Connection"] = "close"
        return told


def not_found(what: str, name: str) -> Refusal:
    """There is no such thing, or it is another key's."""
    return Refusal(404, f"{what}_not_found", f"there is no {what} {name[:64]!r}")


def overloaded(code: str, message: str, wait_s: float) -> Refusal:
    """It could be done later."""
    return Refusal(429, code, message, kind=SYSTEM, retryable=True, wait_s=wait_s)
