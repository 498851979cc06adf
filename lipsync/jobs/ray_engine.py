"""Jobs on a Ray cluster: each a task, long ones as a task per shard, placed by Ray.

Inputs, outputs and the cache lie where all machines of the cluster find them at the same path. A
task whose machine or process is lost is made again by Ray, and goes on from its finished parts.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lipsync._version import __version__
from lipsync.errors import LipsyncError, MissingPackageError, SystemUnfitError
from lipsync.jobs import ray_tasks
from lipsync.jobs.job import Job
from lipsync.jobs.local_engine import KNOWN_AT, JobQueue, Report
from lipsync.jobs.object_store import is_remote
from lipsync.jobs.outcome import JobError, JobOutcome
from lipsync.jobs.shards import check_can_be_shared
from lipsync.jobs.urls import show_place
from lipsync.media import Output
from lipsync.pipelines.estimate import estimate_render
from lipsync.runtime.portable import count_cores

POLL_S = 0.5
KNOCK_S = 10.0  # to wait for a cluster to answer
ATTEMPTS = 3  # at a task whose process or machine is lost
MOST_MEMORY = 0.9  # of the largest machine, that a task asks for: more would never be placed


@dataclass(frozen=True, eq=False)
class _Running:
    """A job that Ray is working on."""

    job: Job
    began: float
    tasks: list[Any]  # all of it; the last one's result is the job's outcome


class RayEngine:
    """Makes jobs as tasks of a Ray cluster."""

    def __init__(
        self,
        workers: int,
        *,
        address: str | None = None,
        timeout_s: float | None = None,
        shard_s: float | None = None,
    ) -> None:
        """Connect to a cluster, or start one on this machine.

        Args:
            workers: jobs in work at once, at most.
            address: of the cluster; None: one with so many workers is started here.
            timeout_s: of a job.
            shard_s: seconds of output from which on a job is made in shards; None: never.

        Raises:
            MissingPackageError: Ray is not installed.
            SystemUnfitError: there is no cluster at that address, or its machines have another
                version of this program.
        """
        try:
            import ray
        except ImportError:
            raise MissingPackageError("ray", "--engine ray", "ray") from None
        self._ray, self._workers = ray, max(1, workers)
        self._timeout_s, self._shard_s = timeout_s, shard_s
        self._started = not ray.is_initialized()
        if self._started:
            self._connect(address)
        self._tasks = ray_tasks.remote_tasks(ray, ATTEMPTS)
        self._check_version()

    def run(
        self, jobs: Sequence[Job], report: Report | None = None
    ) -> Generator[JobOutcome, None, None]:
        """See `Engine`."""
        ray = self._ray
        board = self._tasks.board.remote()
        waiting, running = JobQueue(jobs), dict[Any, _Running]()
        try:
            for _ in range(len(jobs)):
                outcome = None
                while outcome is None:
                    while len(running) < self._workers and (job := waiting.take()) is not None:
                        tasks = self._submit(job, board)
                        running[tasks[-1]] = _Running(job, time.monotonic(), tasks)
                    ready, _ = ray.wait(list(running), num_returns=1, timeout=POLL_S)
                    self._show(board, running, waiting, report)
                    if ready:
                        outcome = self._collect(ready[0], running.pop(ready[0]).job)
                    else:
                        outcome = self._give_up_late(running)
                    if outcome is not None:
                        waiting.note_known(next(one for one in jobs if one.id == outcome.id))
                yield outcome
        finally:
            for one in running.values():
                self._cancel(one)
            ray.kill(board)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._started:
            self._ray.shutdown()

    def _connect(self, address: str | None) -> None:
        ray, local = self._ray, address is None
        try:
            _knock(address)
            ray.init(
                address=address,
                num_cpus=max(count_cores(), self._workers) if local else None,
                include_dashboard=None if local else False,
                log_to_driver=False,
                configure_logging=False,
                # On this machine the tasks run the very program that starts them.
                runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
                if local
                else None,
            )
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            why = " ".join(str(error).split())
            raise SystemUnfitError(f"--address {address}: no Ray cluster there: {why}") from None

    def _check_version(self) -> None:
        found = self._ray.get(self._tasks.version.remote())
        if found != __version__:
            raise SystemUnfitError(
                f"the cluster's machines have lipsync {found}, this is {__version__}: install the "
                "same on all of them"
            )

    def _cancel(self, running: _Running) -> None:
        for task in running.tasks:
            self._ray.cancel(task, force=True)

    def _submit(self, job: Job, board: Any) -> list[Any]:
        """Hand a job to Ray: its tasks."""
        job = with_one_process(job)
        needs, seconds = self._measure(job)
        if self._shard_s is None or seconds <= self._shard_s or not can_be_sharded(job):
            task = self._tasks.render.options(name=f"render {job.id}", **needs)
            return [task.remote(job.to_json(), board)]
        count = -(-int(seconds) // max(1, int(self._shard_s)))
        folder = str(shard_folder(job))
        task = self._tasks.plan.options(name=f"plan {job.id}", **needs)
        planned = task.remote(job.to_json(), folder, board)
        shards = [
            self._tasks.shard.options(name=f"shard {job.id} {i}/{count}", **needs).remote(
                planned, folder, (i, count)
            )
            for i in range(1, count + 1)
        ]
        task = self._tasks.join.options(name=f"join {job.id}", **{**needs, "num_cpus": 1})
        return [planned, *shards, task.remote(job.to_json(), folder, planned, *shards)]

    def _measure(self, job: Job) -> tuple[dict[str, Any], float]:
        """What a job needs of a machine, and how long its output is, seconds."""
        try:
            estimate = estimate_render(**job.arguments(), overwrite=True)
            memory, seconds = estimate.memory, estimate.duration
        except LipsyncError:  # the task will tell what is wrong
            memory, seconds = 0, 0.0
        run = job.options.run
        every: Any = self._ray.nodes
        nodes = [node for node in every() if node["Alive"]]
        largest = max((node["Resources"].get("memory", 0) for node in nodes), default=0)
        cores = max((node["Resources"].get("CPU", 1) for node in nodes), default=1)
        return {
            "num_cpus": min(run.workers or 1, cores),
            "memory": int(min(memory, MOST_MEMORY * largest)),
            "num_gpus": 1 if run.device.startswith("cuda") else 0,
        }, seconds

    def _show(
        self, board: Any, running: dict[Any, _Running], waiting: JobQueue, report: Report | None
    ) -> None:
        """Pass on what tasks have told of their progress."""
        jobs = {one.job.id: one.job for one in running.values()}
        for name, (stage, done, total) in self._ray.get(board.take.remote()).items():
            if name not in jobs:
                continue
            if stage == KNOWN_AT:
                waiting.note_known(jobs[name])
            if report is not None:
                report(jobs[name], stage, done, total)

    def _collect(self, reference: Any, job: Job) -> JobOutcome:
        try:
            return JobOutcome.from_json(self._ray.get(reference))
        except self._ray.exceptions.RayError as error:
            lost = JobError.worker_lost(type(error).__name__)
            return JobOutcome(
                job.id, False, show_place(job.output), 0.0, attempts=ATTEMPTS, error=lost
            )

    def _give_up_late(self, running: dict[Any, _Running]) -> JobOutcome | None:
        """Stop a job that takes longer than is allowed, and tell so."""
        if self._timeout_s is None:
            return None
        for reference, one in running.items():
            seconds = time.monotonic() - one.began
            if seconds > self._timeout_s:
                self._cancel(one)
                del running[reference]
                error, job = JobError.timed_out(self._timeout_s), one.job
                return JobOutcome(
                    job.id, False, show_place(job.output), round(seconds, 3), error=error
                )
        return None


def _knock(address: str | None) -> None:
    """See whether anybody is at an address; Ray itself would try for many minutes.

    Raises:
        OSError: nobody is.
    """
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


def can_be_sharded(job: Job) -> bool:
    """Whether shards can make what a job asks for."""
    if any((job.sheet, job.plot, job.report, job.mask, job.compare)) or is_remote(job):
        return False
    try:
        check_can_be_shared(Output.parse(job.output), job.options)
    except LipsyncError:
        return False
    return True


def with_one_process(job: Job) -> Job:
    """A job that makes its parts in one process, unless it says how many it wants."""
    run = job.options.run
    if run.workers:
        return job
    return replace(job, options=replace(job.options, run=replace(run, workers=1)))


def shard_folder(job: Job) -> Path:
    """Where the plan of a job lies while its shards are made."""
    return job.output.with_name(f".{job.output.name}.shards")
