"""Telling clients that a generation has ended: signed, tried again, told apart by an id."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpcore

from lipsync.jobs.service.addresses import AddressRules, open_pool
from lipsync.jobs.service.event_log import EventLog
from lipsync.jobs.service.metrics import Metrics
from lipsync.jobs.service.outbox import Delivery, Outbox
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.signatures import sign_message

SIDE_BY_SIDE = 4  # messages that are sent at a time
ANSWER_S = 10.0  # that a receiver has
POLL_S = 1.0  # between two looks at what is due
GONE = 410  # the receiver wants no more


class Webhooks:
    """Sends what is in the outbox, until it is stopped."""

    def __init__(
        self, outbox: Outbox, rules: AddressRules, secret: str, log: EventLog, metrics: Metrics
    ) -> None:
        """Nothing is sent before `start`."""
        self._outbox, self._rules, self._secret = outbox, rules, secret
        self._log, self._metrics = log, metrics
        self._stopped, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin with what an earlier run left."""
        self._thread.start()

    def nudge(self) -> None:
        """There is something new."""
        self._wake.set()

    def stop(self) -> None:
        """Send no more; what was not sent stays in the outbox."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(SIDE_BY_SIDE, "webhook") as pool:
            while not self._stopped.is_set():
                due = self._outbox.due(SIDE_BY_SIDE)
                list(pool.map(self._deliver, due))
                if not due:
                    self._wake.wait(POLL_S)
                    self._wake.clear()

    def _deliver(self, one: Delivery) -> None:
        if self._stopped.is_set():
            return
        began = time.monotonic()
        try:
            status, reason = self._send(one), None
        except Refusal as refusal:
            status, reason = 0, refusal.error.code
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            status, reason = 0, type(error).__name__
        except Exception as error:  # a message that cannot be sent must not stop the others
            status, reason = 0, f"{type(error).__name__}: {error}"
        arrived, again = 200 <= status < 300, False
        if arrived:
            self._outbox.note_delivered(one.id)
        else:
            again = self._outbox.note_failed(one, for_good=status == GONE)
        self._metrics.webhooks.labels("delivered" if arrived else "failed").inc()
        self._log.tell(
            "webhook", id=one.generation, message=one.id, status=status or None, reason=reason,
            again=None if arrived else again, seconds=round(time.monotonic() - began, 3),
        )  # fmt: skip

    def _send(self, one: Delivery) -> int:
        """The status with which the receiver answers; redirects are not followed."""
        self._rules.check_url(one.url, "webhookUrl")
        at, place = int(time.time()), httpcore.URL(one.url)
        port = b"" if place.port is None else f":{place.port}".encode()
        headers: dict[bytes | str, bytes | str] = {
            "Host": (place.host + port).decode(),
            "Content-Type": "application/json",
            "User-Agent": "lipsync",
            "Sync-Signature": sign_message(self._secret, one.body, at),
            "Webhook-Id": one.id,
            "Webhook-Timestamp": str(at),
        }
        times = dict.fromkeys(("connect", "read", "write", "pool"), ANSWER_S)
        with (
            open_pool(self._rules) as pool,
            pool.stream(
                "POST", place, headers=headers, content=one.body.encode(),
                extensions={"timeout": times},
            ) as answer,
        ):  # fmt: skip
            return int(answer.status)
