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


def open_engine(
    name: str, workers: int, *, address: str | None = None, timeout_s: float | None = None
) -> Engine:
    """The engine of that name.

    Args:
        workers: jobs that are made side by side.
        address: of a cluster; None: this machine.
        timeout_s: of every attempt at a job.

    Raises:
        OptionsError: there is no such engine, or it takes no address.
        MissingPackageError: its package is not installed.
    """
    if name == "local":
        if address is not None:
            raise OptionsError("--address is of a cluster: choose --engine ray")
        return LocalEngine(workers, timeout_s=timeout_s)
    if name == "ray":
        from lipsync.jobs.ray_engine import RayEngine

        return RayEngine(workers, address=address, timeout_s=timeout_s)
    raise OptionsError(f"option 'engine': wanted {' or '.join(ENGINES)}, got {name!r}")
