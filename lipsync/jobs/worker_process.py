"""A process for jobs, as its starter sees it: started when it is needed, and again when it died."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lipsync.jobs.job import Job
from lipsync.jobs.outcome import JobError, JobOutcome, as_line
from lipsync.jobs.urls import show_place
from lipsync.runtime.portable import broken_pipes_ignored
from lipsync.types import Progress

PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from lipsync.runtime.orphans import end_with_starter; end_with_starter(); "
    "from lipsync.jobs.job_worker import main; main()"
)
POLL_S = 0.2  # between two looks at whether the job is still wanted
PATIENCE_S = 5.0  # after which a process that does not end is killed
MOST_JOBS = 64  # that one process makes; then it gives back what it has gathered
ATTEMPTS = 3  # at a job whose process dies, or that meets what passes


class WorkerProcess:
    """Makes jobs one after another; for one thread."""

    def __init__(self, threads: int | None = None) -> None:
        """Nothing is started yet.

        Args:
            threads: of the libraries in it; None: as many as they like.
        """
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._made = 0

    @property
    def pid(self) -> int | None:
        """Of the process; None: there is none now."""
        return None if self._process is None else self._process.pid

    def make(
        self,
        job: Job,
        report: Progress | None = None,
        *,
        wanted: Callable[[], bool] = lambda: True,
        timeout_s: float | None = None,
        attempts: int = ATTEMPTS,
    ) -> JobOutcome:
        """Make a job, more than once if that helps.

        Args:
            wanted: asked now and then; once it is false the job is stopped, and cancelled.
            timeout_s: of each attempt.
            attempts: at most.
        """
        for attempt in range(1, attempts + 1):
            outcome = replace(self._try(job, report, wanted, timeout_s), attempts=attempt)
            if outcome.error is None or not outcome.error.retryable or not wanted():
                break
        return outcome

    def stop(self) -> None:
        """End the process, wherever it is; a new one is started when it is needed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin is not None  # noqa: S101 — a pipe
        with suppress(OSError):
            process.stdin.close()

    def _try(
        self, job: Job, report: Progress | None, wanted: Callable[[], bool], timeout_s: float | None
    ) -> JobOutcome:
        began = time.monotonic()

        def failed(error: JobError) -> JobOutcome:
            seconds = round(time.monotonic() - began, 3)
            return JobOutcome(job.id, False, show_place(job.output), seconds, error=error)

        if not wanted():
            return failed(JobError.cancelled())
        try:
            self._send(job)
        except OSError as error:
            return failed(JobError.of(error))
        while True:
            with suppress(queue.Empty):
                answer = self._answers.get(timeout=POLL_S)
                if answer is None:
                    return failed(JobError.worker_lost(self._say_death()))
                if "outcome" in answer:
                    self._made += 1
                    if self._made >= MOST_JOBS:
                        self.stop()
                    return JobOutcome.from_json(answer["outcome"])
                if report is not None:
                    report(*answer["progress"])
                continue
            if not wanted():
                self.stop()
                return failed(JobError.cancelled())
            if timeout_s is not None and time.monotonic() - began > timeout_s:
                self.stop()
                return failed(JobError.timed_out(timeout_s))

    def _send(self, job: Job) -> None:
        if self._process is None or self._process.poll() is not None:
            self._start()
        process = self._process
        assert process is not None and process.stdin is not None  # noqa: S101 — just started
        with broken_pipes_ignored():  # its death shows in what does not come back
            process.stdin.write(f"{as_line(job.to_json())}\n".encode())
            process.stdin.flush()

    def _start(self) -> None:
        environment = dict(os.environ)
        if self._threads is not None:
            environment |= {"OMP_NUM_THREADS": str(self._threads)}
        self._answers, self._made = queue.Queue(), 0
        self._process = subprocess.Popen(  # noqa: S603 — our own interpreter
            [sys.executable, "-c", PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        given = self._process, self._answers
        threading.Thread(target=_read_answers, args=given, daemon=True).start()

    def _say_death(self) -> str:
        process = self._process
        assert process is not None  # noqa: S101
        code = process.wait()
        self.stop()
        if code < 0:
            with suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit code {code}"


def _read_answers(
    process: subprocess.Popen[bytes], answers: queue.Queue[dict[str, Any] | None]
) -> None:
    """Put what a process answers into a queue; at its end None."""
    assert process.stdout is not None  # noqa: S101 — a pipe
    with process.stdout as stream:
        for line in stream:
            with suppress(ValueError):  # the last line of one that died
                answers.put(json.loads(line))
    answers.put(None)
