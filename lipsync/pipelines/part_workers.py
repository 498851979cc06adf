"""Processes that make parts beside this one: one interpreter draws on hardly more than one core.

They are processes of their own, not forks: of what this one has loaded, networks and their threads
above all, they need nothing. One that dies (the system ran out of memory) costs its part so far;
the part is made by another.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from lipsync.pipelines.part_making import PartMaker
from lipsync.pipelines.part_store import PartLog, PartStore
from lipsync.runtime.mapped_pickle import dump_mapped
from lipsync.runtime.portable import broken_pipes_ignored, count_cores
from lipsync.runtime.timer import StageTimer

# Beyond so many processes the memory that they take is worth more than the time; ask for more.
USUAL_MOST = 4
# Pixels of a picture from which encoding takes longer than drawing: the encoder's own threads then
# keep a second core busy, and another process would take memory for little.
LARGE = 600_000
PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from lipsync.runtime.orphans import end_with_starter; end_with_starter(); "
    "from lipsync.pipelines.part_worker import main; main()"
)
POLL_S = 0.2  # between two looks at what the others have done
PATIENCE_S = 5.0  # after which a process that does not end is killed

Commit = Callable[[range, PartLog], None]


def count_processes(wanted: int, parts: int, pixels: int) -> int:
    """How many processes make parts, this one included.

    Args:
        wanted: 0: what suits the machine and pictures of so many pixels.
    """
    usual = count_cores() // (2 if pixels >= LARGE else 1)
    return max(1, min(wanted or min(usual, USUAL_MOST), parts))


def count_encoder_threads(pixels: int) -> int | None:
    """Threads of each part's encoder; None: as many as it likes.

    One for small pictures, of which parts, not pictures, are made side by side: several threads
    would take more of the processors' time. However many processes there are, it is the same
    number: so are the bytes.
    """
    return None if pixels >= LARGE else 1


class PartQueue:
    """The parts that are still to be made, and how many frames are; for several threads."""

    def __init__(self, parts: Sequence[range], done: int) -> None:
        """`done`: frames of parts that need not be made."""
        self._waiting, self._lock = deque(parts), threading.Lock()
        self.done = done

    def take(self) -> range | None:
        """The next part; None: there is none."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def put_back(self, part: range, made: int) -> None:
        """A part that failed, and how many of its frames were counted."""
        with self._lock:
            self._waiting.appendleft(part)
            self.done -= made

    def count(self, frames: int = 1) -> None:
        """So many more frames are made."""
        with self._lock:
            self.done += frames


class PartWorker:
    """Another process, and the thread that gives it parts."""

    def __init__(
        self, maker: PartMaker, given: bytes, parts: PartQueue, store: PartStore, timer: StageTimer
    ) -> None:
        """Start it.

        Args:
            given: `maker`, pickled.
            timer: to which its times are added.

        Raises:
            OSError: the system has no room for another process.
        """
        self._maker, self._parts, self._store, self._timer = maker, parts, store, timer
        self._error: BaseException | None = None
        self._process = subprocess.Popen(  # noqa: S603 — our own interpreter
            [sys.executable, "-c", PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._thread = threading.Thread(target=self._run, args=(given,), daemon=True)
        self._thread.start()

    def is_busy(self) -> bool:
        """Whether parts of it are still to come.

        Raises:
            Exception: what went wrong there, or in keeping what came from there.
        """
        if self._error is not None:
            raise self._error
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Until it is done, but no longer than so many seconds."""
        self._thread.join(seconds)

    def stop(self) -> None:
        """End it, wherever it is."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 — pipes
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._thread.join()
        with suppress(OSError):
            process.stdin.close()
        process.stdout.close()

    def _run(self, given: bytes) -> None:
        try:
            self._send(given)
            while (part := self._parts.take()) is not None:
                made = self._make(part)
                if made is not None:  # only now: its temporary file is gone
                    self._parts.put_back(part, made)
                    return
        except BaseException as error:
            self._error = error

    def _make(self, part: range) -> int | None:
        """Have a part made, and keep it; if the process dies, how many frames it had counted."""
        made = 0
        with self._store.write(part) as temporary:
            try:
                self._send(pickle.dumps((part, temporary)))
                while True:
                    kind, value = pickle.load(self._process.stdout)  # type: ignore[arg-type]  # noqa: S301 — our own process
                    if kind == "frames":
                        made += value
                        self._parts.count(value)
                        continue
                    if kind == "error":
                        raise value
                    break
            except (OSError, EOFError, pickle.UnpicklingError):
                self._process.kill()
                return made
            log, seconds, cpu_seconds = value
            self._timer.add(seconds, cpu_seconds)
            self._maker.take_over(part, log)
            self._store.commit(part, temporary, log)
        return None

    def _send(self, message: bytes) -> None:
        stream: Any = self._process.stdin
        with broken_pipes_ignored():  # its death shows in what does not come back
            stream.write(message)
            stream.flush()


@contextmanager
def start_workers(
    count: int, maker: PartMaker, parts: PartQueue, store: PartStore, timer: StageTimer
) -> Iterator[list[PartWorker]]:
    """So many processes that make parts; fewer if the system has no room for them."""
    started: list[PartWorker] = []
    given = dump_mapped(maker) if count else b""
    try:
        with suppress(OSError):
            while len(started) < count:
                started.append(PartWorker(maker, given, parts, store, timer))
        yield started
    finally:
        for worker in started:
            worker.stop()
