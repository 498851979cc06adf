"""HTTP/1.1 of uvicorn, with a deadline for the head of every request.

uvicorn ends connections that are silent between two requests, but not those on which the first or
the next request does not get complete: a few hundred of them would shut out everybody else.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_class(head_s: float) -> type[H11Protocol]:
    """A protocol that ends connections whose request is not begun and its head complete in time."""

    class PatientProtocol(H11Protocol):
        """One connection."""

        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._rest()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """Have the deadline run while a head is awaited."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._rest()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(head_s, self._end)

        def on_response_complete(self) -> None:
            self._rest()
            super().on_response_complete()

        def _rest(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _end(self) -> None:
            self._head_timer = None
            if not self.transport.is_closing():
                self.transport.close()

    return PatientProtocol
