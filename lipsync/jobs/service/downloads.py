"""Fetching a client's file from its URL, within limits of size and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO
from urllib.parse import urljoin

import httpcore

from lipsync.jobs.outcome import SYSTEM
from lipsync.jobs.service.addresses import AddressRules, open_pool
from lipsync.jobs.service.refusal import Refusal

MOST_REDIRECTS = 5
CONNECT_S, STALL_S = 10.0, 30.0  # without an answer, without a byte
PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses that may be other ones soon
ASKED: dict[bytes | str, bytes | str] = {
    "User-Agent": "lipsync", "Accept": "*/*", "Accept-Encoding": "identity"
}  # fmt: skip
_TIMES = {"connect": CONNECT_S, "read": STALL_S, "write": STALL_S, "pool": CONNECT_S}


@dataclass(frozen=True)
class Fetcher:
    """Fetches files under rules and limits."""

    rules: AddressRules
    most: int  # bytes
    seconds: float

    @contextmanager
    def open(
        self, url: str, what: str, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[IO[bytes]]:
        """A stream of what is at a URL; reading it may raise as well.

        Args:
            what: that is fetched, for messages: the URL may hold secrets, and is not among them.
            wanted: asked now and then; once it is false, fetching stops.

        Raises:
            Refusal: it cannot be fetched.
        """
        deadline = time.monotonic() + self.seconds
        with open_pool(self.rules) as pool, closing(self._follow(pool, url, what)) as found:
            yield _Body(found, what, self.most, deadline, wanted)  # type: ignore[misc]

    def _follow(self, pool: httpcore.ConnectionPool, url: str, what: str) -> httpcore.Response:
        """The answer at the end of all redirects, each of which is checked."""
        for _ in range(MOST_REDIRECTS + 1):
            self.rules.check_url(url, what)
            answer = _ask(pool, url, what)
            place = _header(answer, b"location")
            if answer.status in (301, 302, 303, 307, 308) and place:
                answer.close()
                url = urljoin(url, place)
                continue
            self._check(answer, what)
            return answer
        raise Refusal(400, "too_many_redirects", f"{what}: its URL leads on and on")

    def _check(self, answer: httpcore.Response, what: str) -> None:
        status, size = answer.status, _header(answer, b"content-length")
        coding = _header(answer, b"content-encoding").lower()
        refusal = None
        if status != 200:
            refusal = _unavailable(what, f"answers {status}", status in PASSING)
        elif size.isdigit() and int(size) > self.most:
            refusal = _too_large(what, self.most)
        elif coding not in ("", "identity"):
            refusal = _unavailable(what, "is sent compressed", False)
        if refusal is not None:
            answer.close()
            raise refusal


class _Body:
    """A body as a file that is read from start to end."""

    def __init__(
        self,
        answer: httpcore.Response,
        what: str,
        most: int,
        deadline: float,
        wanted: Callable[[], bool],
    ) -> None:
        self._blocks, self._what, self._most = answer.iter_stream(), what, most
        self._deadline, self._wanted = deadline, wanted
        self._size, self._kept = 0, bytearray()

    def read(self, size: int) -> bytes:
        """At most so many bytes; none: it is at its end."""
        while len(self._kept) < size:
            try:
                block = next(self._blocks, None)
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
                raise _unavailable(self._what, "broke off", True) from None
            if block is None:
                break
            self._size += len(block)
            if self._size > self._most:
                raise _too_large(self._what, self._most)
            if time.monotonic() > self._deadline:
                raise _unavailable(self._what, "took too long", True)
            if not self._wanted():
                raise Refusal(409, "cancelled", "it was cancelled", kind="cancelled")
            self._kept += block
        found = bytes(self._kept[:size])
        del self._kept[:size]
        return found


def _ask(pool: httpcore.ConnectionPool, url: str, what: str) -> httpcore.Response:
    try:
        place = httpcore.URL(url)
        port = b"" if place.port is None else f":{place.port}".encode()
        headers: dict[bytes | str, bytes | str] = {"Host": (place.host + port).decode(), **ASKED}
        request = httpcore.Request("GET", place, headers=headers, extensions={"timeout": _TIMES})
        return pool.handle_request(request)
    except httpcore.TimeoutException:
        raise _unavailable(what, "does not answer", True) from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        reason = "cannot be reached" if isinstance(error, httpcore.NetworkError) else "is no HTTP"
        raise _unavailable(what, reason, True) from None
    except (httpcore.UnsupportedProtocol, ValueError, UnicodeError):
        raise Refusal(400, "invalid_url", f"{what}: is no URL that can be fetched") from None


def _header(answer: httpcore.Response, name: bytes) -> str:
    found = (value for key, value in answer.headers if key.lower() == name)
    return next(found, b"").decode("latin-1").strip()


def _unavailable(what: str, why: str, passing: bool) -> Refusal:
    line = f"{what}: its URL {why}"
    return Refusal(400, "url_not_available", line, kind="input" if not passing else SYSTEM,
                   retryable=passing)  # fmt: skip


def _too_large(what: str, most: int) -> Refusal:
    return Refusal(413, "too_large", f"{what}: is larger than {most} bytes")
