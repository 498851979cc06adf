"""Commands in surroundings of their own, and what they leave behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.robustness.forks import ForkedCommand

REPO = Path(__file__).resolve().parents[2]
MARK_VARIABLE = "LIPSYNC_TRIAL"  # the variable by which processes of a trial are known
RUN_S = 600  # of processor time that a command may take
ORPHANS_S = 5.0  # seconds in which processes must end whose parent was killed


@dataclass(frozen=True)
class Surroundings:
    """The folders of one trial, all below `root`."""

    root: Path
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _sessions: list[int] = field(default_factory=list)  # of its commands

    @staticmethod
    def make(root: Path) -> Surroundings:
        """New ones; nothing is in them."""
        for name in ("out", "tmp", "cache"):
            (root / name).mkdir(parents=True)
        return Surroundings(root)

    @property
    def out(self) -> Path:
        """The folder of outputs."""
        return self.root / "out"

    @property
    def temporary(self) -> Path:
        """The system's place for temporary files."""
        return self.root / "tmp"

    @property
    def cache(self) -> Path:
        """The cache of lipsync; its parent is there."""
        return self.root / "cache" / "lipsync"

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The variables of a command; the local certificate is shared by all trials."""
        return {
            **os.environ,
            "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(self.cache.parent),
            "XDG_CONFIG_HOME": str(self.root.parent / "config"),
            MARK_VARIABLE: self._token,
            **more,
        }

    def start(
        self, arguments: Sequence[str], more: Mapping[str, str], cpu_s: int = RUN_S
    ) -> ForkedCommand:
        """Start a command of lipsync."""
        process = ForkedCommand(arguments, self.environment(more), self.root, cpu_s)
        self._sessions.append(process.pid)
        return process

    def list_leftovers(self, wanted: Sequence[str] = ()) -> list[str]:
        """What lies where nothing should, but for the wanted names in the folder of outputs."""
        found = [f"beside the output: {p.name}" for p in self.out.iterdir() if p.name not in wanted]
        found += [f"temporary: {path.name}" for path in self.temporary.iterdir()]
        if self.cache.is_dir():
            unfinished = (*self.cache.glob("parts/*"), *self.cache.glob("*/*.part"),
                          *self.cache.glob("trash-*"), *self.cache.glob("job-*"))  # fmt: skip
            found += [f"cache: {path.relative_to(self.cache)}" for path in unfinished]
        return found

    def end_orphans(self) -> int:
        """How many of the trial's processes did not end by themselves; they are killed."""
        deadline = time.monotonic() + ORPHANS_S
        while (left := self._list_processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(left)

    def _list_processes(self) -> list[int]:
        mark, found = f"{MARK_VARIABLE}={self._token}".encode(), []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                # Behind the name, which may hold spaces: state, parent, group, session.
                session = int((place / "stat").read_text().rpartition(")")[2].split()[3])
                marked = mark in (place / "environ").read_bytes().split(b"\0")
                if marked or session in self._sessions:
                    found.append(int(place.name))
        return found
