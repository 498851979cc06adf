"""What Ray runs for us on its machines: jobs, shards, and a board for their progress."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lipsync._version import __version__
from lipsync.jobs.job import PLACES, Job
from lipsync.jobs.job_worker import catch_errors, make
from lipsync.jobs.shards import join_shards, make_shard, plan_shards

REPORT_S = 0.5  # between two reports of one stage


@dataclass(frozen=True)
class RemoteTasks:
    """The functions below, as Ray calls them."""

    render: Any
    plan: Any
    shard: Any
    join: Any
    version: Any
    board: Any


class Board:
    """How far the jobs are; they write on it, who waits for them reads it."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, int, int | None]] = {}

    def tell(self, job_id: str, stage: str, done: int, total: int | None) -> None:
        """A job is so far."""
        self._told[job_id] = stage, done, total

    def take(self) -> dict[str, tuple[str, int, int | None]]:
        """What was told since."""
        told, self._told = self._told, {}
        return told


def remote_tasks(ray: Any, attempts: int) -> RemoteTasks:
    """The tasks for a running Ray."""
    again = ray.remote(max_retries=attempts - 1, retry_exceptions=False)
    return RemoteTasks(
        render=again(render_job),
        plan=again(plan_job),
        shard=again(make_job_shard),
        join=again(join_job),
        version=ray.remote(num_cpus=0)(tell_version),
        board=ray.remote(num_cpus=0)(Board),
    )


def render_job(told: dict[str, Any], board: Any) -> dict[str, Any]:
    """Make a job; its outcome."""
    job = Job.from_json(told)
    return make(job, _Reports(board, job.id)).to_json()


def plan_job(told: dict[str, Any], folder: str, board: Any) -> dict[str, Any]:
    """Plan a job in a folder; the outcome of that."""
    job = Job.from_json(told)
    arguments = {k: v for k, v in job.arguments().items() if k not in PLACES or k == "sidecar"}
    report = _Reports(board, job.id)

    def work() -> dict[str, Any]:
        return asdict(plan_shards(**arguments, folder=folder, overwrite=True, progress=report))

    return catch_errors(job, work).to_json()


def make_job_shard(planned: dict[str, Any], folder: str, shard: tuple[int, int]) -> Any:
    """Make one shard of a plan; what went wrong, or None."""
    if not planned["ok"]:
        return None
    make_shard(folder, shard, workers=1)
    return None


def join_job(
    told: dict[str, Any], folder: str, planned: dict[str, Any], *_shards: Any
) -> dict[str, Any]:
    """Join the shards of a job; its outcome. The plan goes."""
    job = Job.from_json(told)
    if not planned["ok"]:
        return planned

    def work() -> dict[str, Any]:
        return asdict(join_shards(folder, job.output, sidecar=job.sidecar, overwrite=True))

    outcome = catch_errors(job, work)
    if outcome.ok:
        shutil.rmtree(Path(folder), ignore_errors=True)
    return outcome.to_json()


def tell_version() -> str:
    """The version of this program on the machine that is asked."""
    return __version__


class _Reports:
    """Writes progress on the board, not too often, and without waiting for it."""

    def __init__(self, board: Any, job_id: str) -> None:
        self._board, self._id, self._stage, self._last = board, job_id, "", 0.0
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        with self._lock:
            if stage == self._stage and now - self._last < REPORT_S and done != total:
                return
            self._stage, self._last = stage, now
        self._board.tell.remote(self._id, stage, done, total)
