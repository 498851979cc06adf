"""Jobs on this machine: some processes side by side, each making one job after another.

Jobs of one target share what is known of it, by the cache. Of two that are begun at once the second
would wait while the first looks at the target: other targets go before.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

from lipsync.jobs.job import Job
from lipsync.jobs.outcome import JobError, JobOutcome
from lipsync.jobs.urls import show_place
from lipsync.jobs.worker_process import ATTEMPTS, WorkerProcess
from lipsync.options import RunOptions
from lipsync.runtime.portable import count_cores

Report = Callable[[Job, str, int, int | None], None]  # (job, stage, done, total)
KNOWN_AT = "render"  # the stage from which on all of a job's target is known


class LocalEngine:
    """Makes jobs in processes of this machine."""

    def __init__(
        self, workers: int, *, timeout_s: float | None = None, attempts: int = ATTEMPTS
    ) -> None:
        """Prepare so many workers.

        Args:
            timeout_s: of every attempt at a job.
            attempts: at a job whose process dies.
        """
        self._count, self._timeout_s, self._attempts = max(1, workers), timeout_s, attempts
        self._stopped = threading.Event()

    def run(
        self, jobs: Sequence[Job], report: Report | None = None
    ) -> Generator[JobOutcome, None, None]:
        """Make jobs; outcomes come as they are known. To stop, close the iterator.

        Args:
            report: called from several threads, one at a time per job.
        """
        waiting, outcomes = JobQueue(jobs), queue.Queue[JobOutcome]()
        threads = [
            threading.Thread(target=self._work, args=(waiting, outcomes, report), daemon=True)
            for _ in range(min(self._count, len(jobs)))
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in jobs:
                yield outcomes.get()
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join()

    def close(self) -> None:
        """Nothing is held between two runs."""

    def _work(
        self, waiting: JobQueue, outcomes: queue.Queue[JobOutcome], report: Report | None
    ) -> None:
        """Make jobs until there are no more, or nobody wants them."""
        cores = count_cores()
        share = max(1, cores // self._count)
        process = WorkerProcess(share if self._count > 1 else None)
        try:
            while not self._stopped.is_set() and (job := waiting.take()) is not None:
                outcomes.put(self._make(process, job, share, waiting, report))
                waiting.note_known(job)
        finally:
            process.stop()

    def _make(
        self,
        process: WorkerProcess,
        job: Job,
        share: int,
        waiting: JobQueue,
        report: Report | None,
    ) -> JobOutcome:
        def noted(stage: str, done: int, total: int | None) -> None:
            if stage == KNOWN_AT:
                waiting.note_known(job)
            if report is not None:
                report(job, stage, done, total)

        try:
            return process.make(
                share_cores(job, share, self._count), noted,
                wanted=lambda: not self._stopped.is_set(),
                timeout_s=self._timeout_s, attempts=self._attempts,
            )  # fmt: skip
        except Exception as error:
            return JobOutcome(job.id, False, show_place(job.output), 0.0, error=JobError.of(error))


class JobQueue:
    """Jobs that wait; for several threads."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._waiting, self._lock = list(jobs), threading.Lock()
        self._looked_at: set[Path] = set()  # targets that a job is just getting to know
        self._known: set[Path] = set()

    def take(self) -> Job | None:
        """The next job, of a target that nobody is looking at if there is one; None: no more."""
        with self._lock:
            if not self._waiting:
                return None
            free = (one for one in self._waiting if one.video not in self._looked_at)
            job = next(free, self._waiting[0])
            self._waiting.remove(job)
            if job.video not in self._known:
                self._looked_at.add(job.video)
            return job

    def note_known(self, job: Job) -> None:
        """A job has come to know its target, or never will."""
        with self._lock:
            self._looked_at.discard(job.video)
            self._known.add(job.video)


def share_cores(job: Job, share: int, workers: int) -> Job:
    """A job that leaves to others their cores, unless it says how many processes it wants."""
    run: RunOptions = job.options.run
    if workers == 1 or run.workers:
        return job
    return replace(job, options=replace(job.options, run=replace(run, workers=share)))
