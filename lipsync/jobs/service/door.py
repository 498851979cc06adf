"""Who comes in: keys, the rate of each, and what browsers may not do without keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lipsync.jobs.outcome import OPTIONS
from lipsync.jobs.service.keys import Keys, is_local
from lipsync.jobs.service.rates import Rates
from lipsync.jobs.service.refusal import Refusal, overloaded

OPEN_PATHS = ("/healthz",)  # for everybody, uncounted
# Their links are signed, or hold a token: clients open them without a key.
LINKED_PATHS = ("/v2/outputs/", "/v2/uploads/")


@dataclass(frozen=True)
class Visitor:
    """Who asks."""

    name: str | None  # of the key; "": there are no keys; None: nobody known, who has a link


class Door:
    """Lets requests in, or not."""

    def __init__(self, keys: Keys, rates: Rates) -> None:
        self._keys, self._rates = keys, rates

    def admit(self, scope: Mapping[str, Any], counted: bool = True) -> Visitor:
        """Who a request comes from; `counted`: against the rate of its client.

        Raises:
            Refusal: it has no key, too many came, or a page of another site sent it.
        """
        path, headers = str(scope["path"]), _headers(scope)
        if path in OPEN_PATHS:
            return Visitor(None)
        visitor = self._identify(path, scope, headers)
        if not counted:
            return visitor
        client = visitor.name if visitor.name else f"@{(scope.get('client') or ('',))[0]}"
        wait_s = self._rates.take(client)
        if wait_s:
            raise overloaded("rate_limited", "too many requests; try again later", wait_s)
        return visitor

    def _identify(self, path: str, scope: Mapping[str, Any], headers: Mapping[str, str]) -> Visitor:
        if not self._keys.known:
            _check_local_page(headers)
            return Visitor("")
        given = headers.get("x-api-key") or headers.get("authorization", "")
        name = self._keys.find(given.removeprefix("Bearer ").strip()) if given else None
        if name is not None:
            return Visitor(name)
        linked = path.startswith(LINKED_PATHS) or path.endswith(("/content", "/results.jsonl"))
        signed = linked and b"signature=" in scope["query_string"]
        if signed or path.startswith("/v2/uploads/"):
            return Visitor(None)
        client = f"?{(scope.get('client') or ('',))[0]}"
        wait_s = self._rates.take(client)  # guesses are counted
        if wait_s:
            raise overloaded("rate_limited", "too many requests without a key", wait_s)
        raise Refusal(401, "unauthorized", "the header x-api-key holds no valid key", kind=OPTIONS)


def _check_local_page(headers: Mapping[str, str]) -> None:
    """Without keys, pages of other sites in a browser on this machine could use the service.

    Raises:
        Refusal: one does: by a form or script, or by a name of its own for this address.
    """
    host = _host(f"//{headers.get('host', '')}")
    origin = headers.get("origin")
    if not is_local(host) or (origin is not None and not is_local(_host(origin))):
        line = "without keys only this machine may use the service, by the name localhost"
        raise Refusal(403, "forbidden", line, kind=OPTIONS)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
