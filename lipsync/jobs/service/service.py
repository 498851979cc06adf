"""The parts of the service together, and what clients can have it do."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lipsync.errors import OutputError
from lipsync.jobs.service.addresses import AddressRules
from lipsync.jobs.service.assets import Assets
from lipsync.jobs.service.batches import Batches, Line, batch_message, check_faults, new_batch_id
from lipsync.jobs.service.database import Database
from lipsync.jobs.service.dispatcher import Dispatcher
from lipsync.jobs.service.downloads import Fetcher
from lipsync.jobs.service.event_log import EventLog
from lipsync.jobs.service.generations import PENDING, Generation, Generations
from lipsync.jobs.service.keys import Keys
from lipsync.jobs.service.look_process import ESTIMATE_S, LookProcess
from lipsync.jobs.service.metrics import Metrics
from lipsync.jobs.service.options import ServeOptions
from lipsync.jobs.service.outbox import Outbox
from lipsync.jobs.service.places import Roots
from lipsync.jobs.service.preparation import Preparation
from lipsync.jobs.service.refusal import Refusal, not_found, overloaded
from lipsync.jobs.service.request_reading import Asked
from lipsync.jobs.service.schema import GenerateRequest
from lipsync.jobs.service.signatures import WEBHOOK_PREFIX, Links, read_secret
from lipsync.jobs.service.translation import check_request
from lipsync.jobs.service.views import Views
from lipsync.jobs.service.webhooks import Webhooks
from lipsync.runtime.disk_space import parse_size

HOUSEKEEPING_S = 3600.0
ESTIMATE_WAIT_S = 10.0


@dataclass(frozen=True)
class Setup:
    """What the operator decides."""

    data: Path
    roots: Sequence[Path] = ()
    keys: Keys = field(default_factory=Keys)
    webhook_secret: Path | None = None  # a file; None: one in `data`, made if it is not there
    defaults: Mapping[str, Any] = field(default_factory=dict)  # options of every render
    options: ServeOptions = field(default_factory=ServeOptions)
    log: EventLog = field(default_factory=EventLog)


class Service:
    """The service without HTTP."""

    def __init__(self, setup: Setup, base: str) -> None:
        """Open the folder of data.

        Args:
            base: address by which clients know the service.

        Raises:
            LipsyncError: a folder or a secret cannot be used.
        """
        options, data = setup.options, _make_folder(setup.data)
        self.options, self.log, self.metrics = options, setup.log, Metrics()
        hosts = frozenset(host.lower() for host in options.allow_url_host)
        rules = AddressRules(options.allow_private, hosts)
        roots = Roots.of(setup.roots)
        secret = read_secret(setup.webhook_secret or data / "webhook-secret",
                             make=setup.webhook_secret is None, prefix=WEBHOOK_PREFIX)  # fmt: skip
        self.links = Links(base, read_secret(data / "link-secret", make=True))
        running: dict[str, dict[str, Any] | None] = {}
        self.views = Views(self.links, running.get)
        self._database = Database(data)
        self.generations = Generations(
            self._database, self.views.message, partial(batch_message, links=self.links)
        )
        self.batches = Batches(self._database, self.links)
        self.outbox = Outbox(self._database)
        self.assets = Assets(self._database, data / "assets", parse_size(options.min_free))
        self.webhooks = Webhooks(self.outbox, rules, secret, self.log, self.metrics)
        self.fetcher = Fetcher(rules, parse_size(options.max_download), options.download_timeout)
        self.preparation = Preparation(
            self.assets, roots, self.fetcher, _make_folder(data / "inputs"),
            _make_folder(data / "outputs"), setup.defaults, options.max_seconds, options.max_pixels,
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            self.generations, self.preparation, options.workers, options.job_timeout, self.log,
            self.metrics, self.webhooks.nudge, running,
        )  # fmt: skip
        self.metrics.watch(self.generations.count, self.outbox.count_waiting)
        self.look, self._estimator = LookProcess(), LookProcess()
        self._estimates = threading.Lock()
        self._stopped = threading.Event()
        self._at_end: list[Callable[[], None]] = []

    def start(self) -> None:
        """Go on with what there is."""
        self.dispatcher.start()
        self.webhooks.start()
        threading.Thread(target=self._keep_house, name="housekeeping", daemon=True).start()

    def stop(self) -> None:
        """Stop; what is not done is done after the next start."""
        self._stopped.set()
        self.dispatcher.stop(self.options.grace)
        self.webhooks.stop()
        self.look.stop()
        self._estimator.stop()
        for end in self._at_end:
            end()
        self._database.close()

    def at_end(self, end: Callable[[], None]) -> None:
        """Have something ended with the service."""
        self._at_end.append(end)

    def submit(self, owner: str, asked: Asked, key: str | None = None) -> tuple[Generation, bool]:
        """Add what was asked for to the queue; it is on the disk when this returns.

        Returns:
            The generation, and whether it is new.

        Raises:
            Refusal: it cannot be done.
        """
        request, assets = asked.request, []
        try:
            for one, (name, stored) in zip(request.input, asked.files.values(), strict=False):
                asset = self.assets.add(owner, name, stored, "UPLOAD", {})
                assets.append(asset)
                one.asset_id = asset.id
            warnings = self.check(owner, request)
            generation, new = self.generations.add(
                new_id(), owner, request.told(), warnings,
                most_waiting=self.options.max_queue,
                key=None if key is None else (key, asked.digest),
            )  # fmt: skip
        except BaseException:
            for asset in assets:
                self.assets.delete(asset)
            asked.drop()
            raise
        if not new:
            for asset in assets:
                self.assets.delete(asset)
        else:
            self.log.tell("queued", id=generation.id, key=owner or None)
            self.dispatcher.nudge()
        return generation, new

    def submit_batch(
        self, owner: str, lines: Sequence[Line], webhook: str | None, dry: bool
    ) -> dict[str, Any]:
        """Add the requests of a batch to the queue, all or none; `dry`: only check them.

        Raises:
            Refusal: some cannot be done, or there is no room for all.
        """
        if webhook is not None:
            self.fetcher.rules.check_url(webhook, "webhook_url")
        wanted, faults = [], []
        for line in lines:
            try:
                warnings = self.check(owner, line.request)
            except Refusal as refusal:
                faults.append(f"request {line.name}: {refusal.error.message}")
                continue
            wanted.append((line.name, new_id(), line.request.told(), warnings))
        check_faults(faults)
        if dry:
            return {"status": "VALIDATED"}
        batch = new_batch_id()
        self.generations.add_batch(batch, owner, webhook, wanted, self.options.max_queue)
        self.log.tell("queued", id=batch, key=owner or None, generations=len(wanted))
        self.dispatcher.nudge()
        row = self.batches.find(batch, owner)
        assert row is not None  # noqa: S101 — just added
        return self.batches.view(row)

    def check(self, owner: str, request: GenerateRequest) -> list[str]:
        """See whether a request could be done, as far as that is told at once.

        Returns:
            What its client should know.

        Raises:
            Refusal: it could not.
        """
        warnings = check_request(request)
        if request.webhook_url is not None:
            self.fetcher.rules.check_url(request.webhook_url, "webhookUrl")
        self.preparation.check(request, owner)
        return warnings

    def find(self, id: str, owner: str) -> Generation:  # noqa: A002
        """A generation of a key.

        Raises:
            Refusal: there is none.
        """
        found = self.generations.find(id, owner)
        if found is None:
            raise not_found("generation", id)
        return found

    def cancel(self, id: str, owner: str) -> Generation:  # noqa: A002
        """End a generation that is not finished; once more does no harm.

        Raises:
            Refusal: there is none, or it is finished.
        """
        one = self.find(id, owner)
        ended = self.dispatcher.cancel(id) or self.find(id, owner)
        if ended.status != "CANCELED":
            line = f"generation {one.id} is {ended.status} already"
            raise Refusal(409, "generation_finished", line)
        return ended

    def delete(self, id: str, owner: str) -> None:  # noqa: A002
        """End a generation if it is not finished, and forget it and its output.

        Raises:
            Refusal: there is none.
        """
        self.find(id, owner)
        self.dispatcher.cancel(id)
        self.generations.delete(id)
        self.preparation.remove(id)

    def estimate(self, owner: str, asked: Asked) -> dict[str, Any]:
        """What a request would take; one is estimated at a time.

        Raises:
            Refusal: it cannot be done, or others are being estimated.
        """
        warnings = self.check(owner, asked.request)
        if not self._estimates.acquire(timeout=ESTIMATE_WAIT_S):
            line = "other requests are being estimated; try again later"
            raise overloaded("busy", line, ESTIMATE_WAIT_S)
        try:
            with self.preparation.trial() as id:  # noqa: A001
                look = self._estimator
                job, notes = self.preparation.prepare(id, owner, asked.request, look)
                found = look.ask("estimate", "input", ESTIMATE_S, job=job.to_json())
        finally:
            self._estimates.release()
        return {
            "estimatedFrameCount": found["frames"],
            "estimatedGenerationCost": 0.0,
            "estimatedSeconds": found["seconds"],
            "estimatedMemoryBytes": found["memory"],
            "estimatedOutputBytes": found["output_size"],
            "warnings": list(dict.fromkeys([*warnings, *notes])),
        }

    def health(self) -> dict[str, Any]:
        """What tells that the service works."""
        return {"status": "ok", "queued": self.generations.count()[PENDING]}

    def keep_house(self) -> None:
        """Delete what is older than it is to be kept."""
        before = time.time() - self.options.keep_days * 86400
        for id in self.generations.ended_before(before):  # noqa: A001
            self.generations.delete(id)
            self.preparation.remove(id)
        self.batches.forget_before(before)
        used = [
            str(one["assetId"])
            for request in self.generations.open_requests()
            for one in request["input"]
            if one.get("assetId")
        ]
        for asset in self.assets.unused_before(before, used):
            self.assets.delete(asset)
        self.assets.sweep()

    def _keep_house(self) -> None:
        while not self._stopped.wait(HOUSEKEEPING_S):
            try:
                self.keep_house()
            except Exception as error:  # noqa: PERF203 — the next hour may be better
                self.log.tell("fault", text=f"housekeeping: {error}")


def new_id() -> str:
    """The id of a generation that is to be added."""
    return f"gen_{secrets.token_hex(12)}"


def _make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{folder}: cannot be made ({reason}); choose another folder") from None
    return folder.resolve()
