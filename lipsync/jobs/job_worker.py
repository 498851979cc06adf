"""A process that makes one job after another: what it has loaded serves all of them.

It reads jobs from its standard input and answers on its output, both as lines of JSON: first
`{"progress": [stage, done, total]}` as the work goes on, at its end `{"outcome": {…}}`. It ends
with its starter (see `runtime.orphans`), also in a job, whose finished parts stay.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any, TextIO

from lipsync.errors import LipsyncError
from lipsync.jobs.job import PLACES, Job
from lipsync.jobs.object_store import brought_here
from lipsync.jobs.outcome import JobError, JobOutcome, as_line
from lipsync.jobs.urls import show_place, url_of
from lipsync.live.events import Event, StageProgress
from lipsync.live.renderer import Renderer
from lipsync.marks.sidecar import sidecar_path
from lipsync.runtime.memory import return_large_arrays

REPORT_S = 0.25  # between two reports of one stage
TARGETS = 4  # whose analysis stays in memory


def main() -> None:
    """Make jobs until there are no more."""
    # The terminal sends its signals to every process; who started this one decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("lipsync").addHandler(logging.NullHandler())  # results have the warnings
    return_large_arrays()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not get into the answers
    for line in sys.stdin:
        job = Job.from_json(json.loads(line))
        _send(answers, {"outcome": make(job, _Reports(answers)).to_json()})


def make(job: Job, report: Any = None) -> JobOutcome:
    """Make one job; whatever goes wrong is its outcome.

    Args:
        report: called with (stage, done, total); may raise to stop the work.
    """

    def tell(event: Event) -> None:
        if report is not None and isinstance(event, StageProgress):
            report(event.stage, event.done, event.total)

    def work() -> dict[str, Any]:
        with brought_here(job) as here:
            made = _renderer().render(**here.arguments(), overwrite=True, on_event=tell)
        result = asdict(made)
        named = {"output": job.output, **{name: getattr(job, name) for name in PLACES}}
        named["sidecar"] = job.sidecar or sidecar_path(job.output)
        # What went to a store is there now.
        result |= {name: show_place(place) for name, place in named.items() if url_of(place)}
        return result

    return catch_errors(job, work)


@cache
def _renderer() -> Renderer:
    """Renders all jobs of this process: what it has loaded of a target serves the next one."""
    return Renderer(targets=TARGETS)


def catch_errors(job: Job, work: Callable[[], dict[str, Any]]) -> JobOutcome:
    """The outcome of some work on a job, whatever goes wrong."""
    began = time.monotonic()
    result, error = None, None
    try:
        result = work()
    except LipsyncError as raised:
        error = JobError.of(raised)
    except (Exception, MemoryError) as raised:
        traceback.print_exc()
        error = JobError.of(raised)
    return JobOutcome(
        id=job.id,
        ok=error is None,
        output=show_place(job.output),
        seconds=round(time.monotonic() - began, 3),
        result=result,
        error=error,
        worker=f"{platform.node()}:{os.getpid()}",
    )


class _Reports:
    """Sends progress, not too often."""

    def __init__(self, answers: TextIO) -> None:
        self._answers, self._stage, self._last = answers, "", 0.0
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        with self._lock:
            if stage == self._stage and now - self._last < REPORT_S and done != total:
                return
            self._stage, self._last = stage, now
            _send(self._answers, {"progress": [stage, done, total]})


def _send(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(as_line(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
