"""Takes generations from the queue and has them made, some side by side.

Each thread has a process that renders and one that looks at files. A generation that is canceled,
or whose service stops, ends its process; the parts it has made stay in the cache.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from lipsync.errors import LipsyncError
from lipsync.jobs.job import Job
from lipsync.jobs.local_engine import share_cores
from lipsync.jobs.outcome import BUG, CANCELLED, JobError, JobOutcome
from lipsync.jobs.service.event_log import EventLog
from lipsync.jobs.service.generations import (
    CANCELED,
    COMPLETED,
    FAILED,
    MOST_ATTEMPTS,
    OPEN,
    REJECTED,
    Generation,
    Generations,
)
from lipsync.jobs.service.look_process import LookProcess
from lipsync.jobs.service.metrics import Metrics
from lipsync.jobs.service.preparation import Preparation
from lipsync.jobs.service.refusal import Refusal
from lipsync.jobs.service.schema import GenerateRequest, read_said
from lipsync.jobs.service.views import summarize
from lipsync.jobs.worker_process import WorkerProcess
from lipsync.runtime.portable import count_cores

POLL_S = 1.0  # between two looks at the queue when nobody says that there is something in it
SOME_REST_S = 5.0  # after a fault of the service itself


class Dispatcher:
    """Makes generations until it is stopped."""

    def __init__(
        self,
        generations: Generations,
        preparation: Preparation,
        workers: int,
        timeout_s: float,
        log: EventLog,
        metrics: Metrics,
        ended: Callable[[], None],
        running: dict[str, dict[str, Any] | None],
    ) -> None:
        """Nothing is made before `start`.

        Args:
            ended: called after every end.
            running: gets what is being made, and how far it is.
        """
        self._generations, self._preparation = generations, preparation
        self._workers, self._timeout_s = workers, timeout_s
        self._log, self._metrics, self._ended = log, metrics, ended
        self._stopping, self._abandon = threading.Event(), threading.Event()
        self._wake = threading.Condition()
        self._canceled: set[str] = set()
        self._running = running
        self._threads = [
            threading.Thread(target=self._work, name=f"worker {i}", daemon=True)
            for i in range(workers)
        ]

    def start(self) -> None:
        """Take up what an earlier run left, then begin."""
        for one in self._generations.interrupted():
            self._recover(one)
        for thread in self._threads:
            thread.start()

    def nudge(self) -> None:
        """There is something new in the queue."""
        with self._wake:
            self._wake.notify()

    def cancel(self, id: str) -> Generation | None:  # noqa: A002
        """End a generation that nobody wants; None: it has ended before."""
        error = asdict(JobError.cancelled())
        ended = self._generations.finish(id, CANCELED, error=error, before=OPEN)
        if ended is not None:
            if ended.started is not None:  # its worker sees to the rest
                self._canceled.add(id)
            else:
                self._preparation.remove(id)
            self._note_end(ended)
        return ended

    def stop(self, grace_s: float) -> None:
        """Take no more; what is not finished in time waits for the next start."""
        self._stopping.set()
        with self._wake:
            self._wake.notify_all()
        until = time.monotonic() + grace_s
        alive = [thread for thread in self._threads if thread.is_alive()]
        for thread in alive:
            thread.join(max(0.0, until - time.monotonic()))
        self._abandon.set()
        for thread in alive:
            thread.join()

    def _recover(self, one: Generation) -> None:
        """See what became of one that was being made when the service ended."""
        output = self._preparation.output(one.id)
        sidecar = output.with_name(output.name + ".json")
        if output.is_file() and sidecar.is_file():
            result = summarize(json.loads(sidecar.read_text(encoding="utf-8")))
            self._end(one, COMPLETED, result=result)
        elif one.attempts >= MOST_ATTEMPTS:
            line = f"the service ended {one.attempts} times while it was made"
            self._end(one, FAILED, error=asdict(JobError("system", "interrupted", line, True)))
        else:
            self._generations.requeue(one.id)
            self._log.tell("requeued", id=one.id, attempts=one.attempts)

    def _work(self) -> None:
        """Make generations until there is to be no more."""
        share = max(1, count_cores() // self._workers)
        process = WorkerProcess(share if self._workers > 1 else None)
        look = LookProcess()
        try:
            while not self._stopping.is_set():
                try:
                    self._take_one(process, look, share)
                except Exception:  # noqa: PERF203 — the thread has to go on
                    self._log.tell("fault", traceback=traceback.format_exc())
                    self._stopping.wait(SOME_REST_S)
        finally:
            process.stop()
            look.stop()

    def _take_one(self, process: WorkerProcess, look: LookProcess, share: int) -> None:
        one = self._generations.claim()
        if one is None:
            with self._wake:
                if not self._stopping.is_set():
                    self._wake.wait(POLL_S)
            return
        self._running[one.id] = None
        self._log.tell("started", id=one.id, key=one.owner or None, attempt=one.attempts)
        with self._metrics.busy.track_inprogress():
            try:
                self._make(one, process, look, share)
            finally:
                self._running.pop(one.id, None)
                if one.id in self._canceled:
                    self._canceled.discard(one.id)
                    self._preparation.remove(one.id)

    def _make(self, one: Generation, process: WorkerProcess, look: LookProcess, share: int) -> None:
        def wanted() -> bool:
            return not self._abandon.is_set() and one.id not in self._canceled

        def report(stage: str, done: int, total: int | None) -> None:
            self._running[one.id] = {"stage": stage, "done": done, "total": total}

        try:
            request: GenerateRequest = read_said(GenerateRequest, one.request)
            job, notes = self._preparation.prepare(one.id, one.owner, request, look, wanted)
        except Refusal as refusal:
            if wanted():
                self._end(one, REJECTED, error=asdict(refusal.error))
            else:
                self._generations.release(one.id)
            return
        except LipsyncError as error:
            self._end(one, REJECTED, error=asdict(JobError.of(error)))
            return
        outcome = process.make(
            share_cores(job, share, self._workers), report, wanted=wanted,
            timeout_s=self._timeout_s,
        )  # fmt: skip
        self._note(one, job, notes, outcome)

    def _note(self, one: Generation, job: Job, notes: list[str], outcome: JobOutcome) -> None:
        """Write down what became of a job."""
        error = outcome.error
        if error is None and outcome.result is not None:
            said = outcome.result.get("warnings") or ()
            result = {**summarize(outcome.result), "seconds": outcome.seconds}
            notes = [*notes, *(hide_places(line, job) for line in said)]
            self._metrics.render_seconds.observe(outcome.seconds)
            self._metrics.video_seconds.inc(result["duration"])
            self._end(one, COMPLETED, result=result, warnings=notes)
        elif error is None or error.kind == CANCELLED or self._abandon.is_set():
            self._generations.release(one.id)  # no matter if it was canceled: that is its end
        else:
            if error.kind == BUG:
                text = hide_places(error.message, job)
                self._log.tell("bug", id=one.id, code=error.code, text=text)
            told = {**asdict(error), "message": hide_places(error.message, job)}
            self._end(one, FAILED, error=told, warnings=notes)

    def _end(self, one: Generation, status: str, **facts: Any) -> None:
        ended = self._generations.finish(one.id, status, **facts)
        if ended is not None:
            self._preparation.forget(one.id)
            self._note_end(ended)

    def _note_end(self, one: Generation) -> None:
        self._metrics.ended.labels(one.status).inc()
        self._log.tell(
            "ended", id=one.id, status=one.status, code=(one.error or {}).get("code"),
            seconds=round(time.time() - (one.started or one.created), 3),
        )  # fmt: skip
        self._ended()


def hide_places(text: str, job: Job) -> str:
    """A message with the parts that files play in place of their names."""
    names = {job.video: "the video", job.output: "the output"}
    if job.audio is not None:
        names[job.audio] = "the audio"
    for span in job.spans if isinstance(job.spans, tuple) else ():
        if span.audio is not None:
            names[span.audio] = f"the audio of {span.name}"
    for path, name in names.items():
        text = text.replace(str(path), name)
    return text.replace(f"{job.output.parent}/", "")
