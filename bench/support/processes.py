"""What a command costs: wall time, CPU time and memory of it and all that it starts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.1  # between two looks at the memory


@dataclass(frozen=True)
class Cost:
    """What one command took, and what it wrote to standard output."""

    wall: float  # seconds
    cpu: float  # seconds, of the process and those that it waited for
    memory: float  # MB, the most that all its processes held of their own at once
    mapped: float  # MB, the same with pages of mapped files, which the system can take back
    out: str


class StartedCommand:
    """A command that runs; `wait` for it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None):
        """Start it; its standard error is dropped."""
        self._command, self._began = command, time.perf_counter()
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 — read when it has ended
        self._process = subprocess.Popen(
            command, stdout=self._out, stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self._memory, self._mapped, self._ended = 0, 0, threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            sizes = [_sizes(pid) for pid in _tree(self._process.pid)]
            self._memory = max(self._memory, sum(own for own, _ in sizes))
            self._mapped = max(self._mapped, sum(whole for _, whole in sizes))

    def wait(self) -> Cost:
        """What it cost.

        Raises:
            SystemExit: it failed.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        wall = time.perf_counter() - self._began
        self._ended.set()
        self._watch.join()
        if status:
            raise SystemExit(f"{' '.join(self._command)}: exit status {status}")
        with self._out:
            self._out.seek(0)
            out = self._out.read().decode()
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(wall, cpu, self._memory / 1e6, self._mapped / 1e6, out)


def run_measured(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command; see `StartedCommand`."""
    return StartedCommand(command, environment).wait()


def _tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended
                found.extend(map(int, task.read_text().split()))
    return found


def _sizes(pid: int) -> tuple[int, int]:
    """Bytes that a process holds, without and with mapped files; 0: it has ended.

    A page that n processes share counts as an n-th.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines}
    return sizes["Pss_Anon"] + sizes["Pss_Shmem"], sizes["Pss"]
