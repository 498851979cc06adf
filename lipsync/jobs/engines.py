"""What makes jobs: this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

from lipsync.errors import OptionsError
from lipsync.jobs.job import Job
from lipsync.jobs.local_engine import LocalEngine, Report
from lipsync.jobs.outcome import JobOutcome

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Makes jobs side by side."""

    def run(
        self, jobs: Sequence[Job], report: Report | None = None
    ) -> Generator[JobOutcome, None, None]:
        """Make jobs; outcomes come as they are known. Closing it stops the work."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def open_engine(
    name: str,
    workers: int,
    *,
    address: str | None = None,
    timeout_s: float | None = None,
    shard_s: float | None = None,
) -> Engine:
    """The engine of that name.

    Args:
        workers: jobs that are made side by side.
        address: of a cluster; None: this machine.
        timeout_s: of every attempt at a job.
        shard_s: seconds of output from which on a cluster makes a job in shards; None: never.

    Raises:
        OptionsError: there is no such engine, or it takes no address.
        SystemUnfitError: there is no such cluster.
        MissingPackageError: its package is not installed.
    """
    if name == "local":
        for what, value in (("address", address), ("shard-s", shard_s)):
            if value is not None:
                raise OptionsError(f"--{what} is of a cluster: choose --engine ray")
        return LocalEngine(workers, timeout_s=timeout_s)
    if name == "ray":
        from lipsync.jobs.ray_engine import RayEngine

        return RayEngine(workers, address=address, timeout_s=timeout_s, shard_s=shard_s)
    raise OptionsError(f"option 'engine': wanted {' or '.join(ENGINES)}, got {name!r}")
