"""Around every request: who it is from, how much of it is read and how slowly, what it ends as."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from lipsync.jobs.outcome import SYSTEM
from lipsync.jobs.service.door import OPEN_PATHS, Door
from lipsync.jobs.service.event_log import EventLog
from lipsync.jobs.service.metrics import Metrics
from lipsync.jobs.service.page import SAFE_PAGE, Page
from lipsync.jobs.service.refusal import Refusal, overloaded

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MOST_HEAD = 16 << 10  # bytes of a request's head
MOST_JSON = 4 << 20  # bytes of a body that is no upload
FORM_ROOM = 1 << 20  # of a form, around the files
JSON_S = 60.0  # in which such a body has to be complete
# Of a body that is too large, so much is read before it is refused: clients that do not listen
# while they send would not hear of it.
MOST_DRAINED, DRAIN_S = 8 << 20, 3.0
MOST_UPLOADS, UPLOAD_WAIT_S = 32, 10.0


@dataclass(frozen=True)
class Limits:
    """Of a body."""

    upload: int  # bytes
    upload_s: float
    stall_s: float  # without a byte


class Gate:
    """The service as uvicorn sees it."""

    def __init__(
        self, app: App, door: Door, limits: Limits, log: EventLog, metrics: Metrics,
        page: Page | None = None,
    ) -> None:  # fmt: skip
        self._app, self._door, self._limits, self._page = app, door, limits, page
        self._log, self._metrics = log, metrics
        self._uploads = 0  # that are arriving

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        of_page = self._page is not None and self._page.holds(scope)
        began, answer = time.monotonic(), _Answer(send, _PAGE_HEADERS if of_page else _SAFE)
        body = _Body(receive, *self._limits_of(scope))
        name = None
        try:
            _check_head(scope)
            visitor = self._door.admit(scope, counted=not of_page)
            name = visitor.name
            scope.setdefault("state", {})["visitor"] = visitor
            await body.check_length(scope)
            with self._count_upload(scope):
                await self._app(scope, body.receive, answer.send)
        except Refusal as refusal:
            await answer.refuse(refusal)
        except asyncio.CancelledError:
            raise
        except Exception:
            if not body.gone:
                self._log.tell("fault", traceback=traceback.format_exc())
            line = "the service failed at this request; its log says why"
            await answer.refuse(Refusal(500, "internal", line, kind=SYSTEM))
        finally:
            if not of_page:
                self._note(scope, answer.status, name, time.monotonic() - began)

    @contextmanager
    def _count_upload(self, scope: MutableMapping[str, Any]) -> Iterator[None]:
        """Keep the number of uploads that arrive at a time, and wait for the disk, small."""
        if not _is_upload(scope):
            yield
            return
        if self._uploads >= MOST_UPLOADS:
            line = f"{MOST_UPLOADS} uploads are arriving already; try again later"
            raise overloaded("busy", line, UPLOAD_WAIT_S)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    def _limits_of(self, scope: MutableMapping[str, Any]) -> tuple[int, float, float]:
        """Bytes and seconds of a body, and seconds without a byte."""
        if _is_upload(scope):
            return self._limits.upload + FORM_ROOM, self._limits.upload_s, self._limits.stall_s
        return MOST_JSON, JSON_S, self._limits.stall_s

    def _note(
        self, scope: MutableMapping[str, Any], status: int, name: str | None, seconds: float
    ) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.requests.labels(scope["method"], route, str(status)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        if scope["path"] not in OPEN_PATHS:
            self._log.tell(
                "request", method=scope["method"], route=route, status=status, key=name or None,
                id=(scope.get("path_params") or {}).get("id"), seconds=round(seconds, 4),
            )  # fmt: skip


def _is_upload(scope: MutableMapping[str, Any]) -> bool:
    kind: bytes = dict(scope["headers"]).get(b"content-type", b"")
    return scope["method"] == "PUT" or kind.startswith(b"multipart/")


def _check_head(scope: MutableMapping[str, Any]) -> None:
    """See whether a head is too large; uvicorn refuses those that do not come at once.

    Raises:
        Refusal: it is.
    """
    size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    size += len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if size > MOST_HEAD:
        line = f"the head of the request is larger than {MOST_HEAD} bytes"
        raise Refusal(431, "head_too_large", line)


class _Body:
    """What a client sends, within limits."""

    def __init__(self, receive: Receive, most: int, seconds: float, stall_s: float) -> None:
        self._receive, self._most, self._stall_s = receive, most, stall_s
        self._until, self._size = time.monotonic() + seconds, 0
        self.gone = False  # the client
        self._whole = False

    async def check_length(self, scope: MutableMapping[str, Any]) -> None:
        """Look at what the client says it will send.

        Raises:
            Refusal: it is too much.
        """
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told) > self._most:
            await self._refuse_size(int(told))

    async def receive(self) -> Message:
        """The next message.

        Raises:
            Refusal: it is too much, or comes too slowly.
        """
        if self._whole:  # what comes now is that the client has gone
            return await self._receive()
        left = min(self._stall_s, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(0.01, left))
        except asyncio.TimeoutError:
            line = "the request did not arrive in time"
            raise Refusal(408, "too_slow", line, kind=SYSTEM, retryable=True) from None
        self.gone = message["type"] == "http.disconnect"
        self._whole = not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if self._size > self._most:
            await self._refuse_size(self._most + 1)
        return message

    async def _refuse_size(self, size: int) -> None:
        if size - self._size <= MOST_DRAINED:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._drain(), DRAIN_S)
        raise Refusal(413, "too_large", f"the request is larger than {self._most} bytes")

    async def _drain(self) -> None:
        left = MOST_DRAINED
        while left > 0:
            message = await self._receive()
            left -= len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return


class _Answer:
    """What a client is sent."""

    def __init__(self, send: Send, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._send, self._headers, self.status = send, headers, 0

    async def send(self, message: Message) -> None:
        """Send a message of the app."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers]
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Send a refusal, unless an answer has begun."""
        if self.status:
            return
        body = json.dumps(refusal.body()).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)),
                   "connection": "close", **refusal.headers()}  # fmt: skip
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": pairs})
        await self._send({"type": "http.response.body", "body": body})


# What is sent is no page: a browser must not take it for one.
_SAFE = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_PAGE_HEADERS = (
    _SAFE[0], (b"content-security-policy", SAFE_PAGE.encode()),
    (b"referrer-policy", b"no-referrer"),
)  # fmt: skip
