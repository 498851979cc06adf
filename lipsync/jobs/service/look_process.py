"""A process that looks at clients' files, as the service sees it; ended when it hangs."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lipsync.jobs.outcome import INPUT, JobError
from lipsync.jobs.service.refusal import Refusal, overloaded
from lipsync.runtime.portable import broken_pipes_ignored

PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from lipsync.runtime.orphans import end_with_starter; end_with_starter(); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
WORKER = "lipsync.jobs.service.look_worker"
LOOK_S, ESTIMATE_S = 90.0, 300.0  # that an answer may take
WAIT_S = 20.0  # for one's turn


class LookProcess:
    """Answers questions one after another; several threads take turns."""

    def __init__(self, worker: str = WORKER) -> None:
        """Nothing is started yet.

        Args:
            worker: module whose `main` answers, by `look_worker.answer_questions`.
        """
        self._worker = worker
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[bytes] = queue.Queue()

    def ask(self, ask: str, what: str, seconds: float = LOOK_S, /, **of: Any) -> Mapping[str, Any]:
        """What the worker finds.

        Args:
            ask: one of the worker's questions; see `look_worker`.
            what: is looked at, for messages.

        Raises:
            Refusal: it finds a fault; the file makes it hang or die.
        """
        if not self._lock.acquire(timeout=WAIT_S):
            raise overloaded("busy", "other files are being looked at; try again later", WAIT_S)
        try:
            answer = self._ask({"ask": ask, "of": of}, seconds)
        finally:
            self._lock.release()
        if answer is None:
            line = f"{what}: cannot be read: looking at it took too long, or failed"
            raise Refusal(400, "unreadable", line)
        if "error" in answer:
            error = JobError(**answer["error"])
            message = error.message.replace(f"{of.get('path')}: ", "")
            if error.kind == INPUT:
                message = f"{what}: {message}"
            raise Refusal.of(replace(error, message=message))
        found: Mapping[str, Any] = answer["found"]
        return found

    def stop(self) -> None:
        """End the process, wherever it is."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        assert process.stdin is not None  # noqa: S101 — a pipe
        with suppress(OSError):
            process.stdin.close()

    def _ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any] | None:
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._start()
        process = self._process
        assert process is not None and process.stdin is not None  # noqa: S101 — just started
        with broken_pipes_ignored():
            process.stdin.write(f"{json.dumps(question)}\n".encode())
            process.stdin.flush()
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            line = b""
        if not line:
            self.stop()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> None:
        self._answers = queue.Queue()
        self._process = subprocess.Popen(  # noqa: S603 — our own interpreter
            [sys.executable, "-c", PROGRAM, json.dumps(sys.path), self._worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        given = self._process, self._answers
        threading.Thread(target=_read, args=given, daemon=True).start()


def _read(process: subprocess.Popen[bytes], answers: queue.Queue[bytes]) -> None:
    """Put what a process answers into a queue; at its end an empty line."""
    assert process.stdout is not None  # noqa: S101 — a pipe
    with process.stdout as stream:
        for line in stream:
            answers.put(line)
    answers.put(b"")
