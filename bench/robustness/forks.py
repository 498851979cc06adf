"""Commands of lipsync in processes that need not load the libraries first.

They are forked from one that has: loading takes longer than most renders here, and says nothing of
them. The parent must not have used the libraries, only loaded them: their threads do not survive a
fork. What it wants to
compute itself, `compute_apart` does.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import lipsync
from bench.robustness.traced import run_traced

LOOK_S = 0.002  # between two looks at a process
HEAVY = ("torch", "cv2", "av", "scipy.signal", "scipy.ndimage", "mediapipe", "c2pa")


def load_libraries() -> None:
    """Import all that a render may import."""
    for module in pkgutil.walk_packages(lipsync.__path__, "lipsync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in HEAVY:
        importlib.import_module(name)


class ForkedCommand:
    """A command of lipsync that runs in a process and a session of its own."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, cpu_s: int
    ) -> None:
        """Start it.

        Args:
            folder: of what it prints.
            cpu_s: seconds of processor time at which the system ends it.
        """
        self._out, self._errors = folder / "stdout", folder / "stderr"
        self.returncode: int | None = None
        self.cpu_s = 0.0  # of it and of those that it waited for, when it has ended
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            self._become(arguments, environment, cpu_s)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None: it runs."""
        if self.returncode is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_s = usage.ru_utime + usage.ru_stime
        return self.returncode

    def wait(self, most_s: float) -> bool:
        """Whether it ended in time."""
        deadline = time.monotonic() + most_s
        while self.poll() is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_S)
        return True

    def send(self, number: signal.Signals, to_group: bool = False) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            (os.killpg if to_group else os.kill)(self.pid, number)

    @property
    def out(self) -> str:
        """What it printed."""
        return self._out.read_text(errors="replace")

    @property
    def errors(self) -> str:
        """What it printed on standard error."""
        return self._errors.read_text(errors="replace")

    def _become(
        self, arguments: Sequence[str], environment: Mapping[str, str], cpu_s: int
    ) -> NoReturn:
        code: object = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            for place, number in ((self._out, 1), (self._errors, 2)):
                os.dup2(os.open(place, flags), number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.environ.clear()
            os.environ.update(environment)
            tempfile.tempdir = None
            run_traced(arguments)
            code = 0
        except SystemExit as end:
            code = 0 if end.code is None else end.code
        except BaseException:  # as the interpreter would
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code if isinstance(code, int) else 1)


def compute_apart(function: Callable[..., Any], *values: Any) -> Any:
    """What a function returns, computed in a process of its own."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *values).result()
