"""What is done of a batch: a line of JSON per finished job, beside the outputs."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from lipsync._version import __version__
from lipsync.errors import OutputError
from lipsync.jobs.manifest import CheckedJob
from lipsync.jobs.object_store import describe_object
from lipsync.jobs.outcome import JobOutcome, as_line
from lipsync.jobs.urls import show_place, stand_in
from lipsync.marks.origin import write_id
from lipsync.pipelines.recipe import identify_output
from lipsync.runtime.atomic import os_errors_as_output_errors
from lipsync.runtime.path_lock import PathLock

NAME = "results.jsonl"


class Ledger:
    """The finished jobs of one folder of outputs; nobody else may write it meanwhile."""

    def __init__(self, out: Path) -> None:
        """Open it, make it if there is none.

        Raises:
            OutputError: it cannot be written, or another batch is writing it.
        """
        self.path = out / NAME
        with os_errors_as_output_errors(self.path):
            self._stream = self.path.open("a+b")
        try:
            self._lock: PathLock | None = PathLock(self.path, exclusive=True)
        except BlockingIOError:
            self._stream.close()
            raise OutputError(f"{out}: another batch is writing there; wait for it") from None
        except OSError:  # no locks here
            self._lock = None
        self._done = self._read()

    def close(self) -> None:
        """Let others write it."""
        self._stream.close()
        if self._lock is not None:
            self._lock.release()

    def find(self, key: str) -> dict[str, Any] | None:
        """The line of a job that is done and whose output is still as it was written; else None."""
        line = self._done.get(key)
        if line is None or line.get("file") != _describe_output(line["output"]):
            return None
        return line

    def add(self, key: str, outcome: JobOutcome) -> dict[str, Any]:
        """Note what became of a job; it is on the disk when this returns.

        Raises:
            OutputError: it cannot be written.
        """
        line = {"key": key, **outcome.to_json()}
        if outcome.ok:
            line["file"] = _describe_output(outcome.output)
            self._done[key] = line
        with os_errors_as_output_errors(self.path):
            self._stream.write(f"{as_line(line)}\n".encode())
            self._stream.flush()
            os.fsync(self._stream.fileno())
        return line

    def _read(self) -> dict[str, dict[str, Any]]:
        """The jobs that are done, by key; what a killed batch wrote half is cut off."""
        self._stream.seek(0)
        data = self._stream.read()
        if data and not data.endswith(b"\n"):
            data = data[: data.rfind(b"\n") + 1]
            with os_errors_as_output_errors(self.path):
                self._stream.truncate(len(data))
        done = {}
        for text in data.splitlines():
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                line = json.loads(text)
                if JobOutcome.from_json(line).ok:
                    done[str(line["key"])] = line
        return done


def job_key(checked: CheckedJob) -> str:
    """What a job is known by in a ledger: files by their bytes, options, output, version.

    Objects in a store count as what the store says of them.
    """
    job, request = checked.job, checked.request
    if request is not None:
        record = write_id(identify_output(request.script, request.options))
        return f"{record} {__version__} {job.output}"
    told = {**job.to_json(), "options": job.options.decisive(), "objects": checked.objects}
    written = json.dumps(told, sort_keys=True, default=str).encode()
    return f"{hashlib.sha256(written).hexdigest()[:24]} {__version__} {show_place(job.output)}"


def _describe_output(output: str) -> list[Any] | None:
    """Size and time of a file, or what a store says of an object; None: it is gone."""
    place = stand_in(output)
    if place is not None:
        return describe_object(place)
    with suppress(OSError):
        facts = Path(output).stat()
        return [facts.st_size, facts.st_mtime_ns]
    return None
