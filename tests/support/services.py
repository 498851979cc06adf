"""The service with workers that render nothing, and a site that it fetches from and reports to."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from lipsync.jobs import worker_process
from lipsync.jobs.service.event_log import EventLog
from lipsync.jobs.service.keys import Keys
from lipsync.jobs.service.options import ServeOptions
from lipsync.jobs.service.server import serve
from lipsync.jobs.service.service import Service, Setup
from lipsync.runtime.interrupt import StopRequest
from tests.support import clips

HOLDS, FAILS, DIES = 10, 11, 12  # values of `crf` that tell the worker what to do
CONTENT = bytes(range(256)) * 400  # of every output
ENDED = ("COMPLETED", "FAILED", "REJECTED", "CANCELED")

# Speaks as `jobs.job_worker` does. Every job that begins and every one that is made is noted.
WORKER = """
import json, os, sys, time
from pathlib import Path
folder, starter = Path(FOLDER), os.getppid()
def note(name, id):
    with open(folder / name, "a") as file:
        file.write(id + "\\n")
def send(message):
    sys.stdout.write(json.dumps(message) + "\\n")
    sys.stdout.flush()
for line in sys.stdin:
    job = json.loads(line)
    output, task = Path(job["output"]), job["options"]["crf"]
    note("begun", job["id"])
    send({"progress": ["render", 1, 50]})
    while task == 10 and not (folder / "go").exists():
        if os.getppid() != starter:
            os._exit(1)
        time.sleep(0.02)
    if task == 12:
        os._exit(3)
    told = {"id": job["id"], "ok": True, "output": str(output), "seconds": 0.01}
    if task == 11:
        message = job["video"] + ": no face was found in it"
        error = {"kind": "input", "code": "no_face", "message": message, "retryable": False}
        send({"outcome": {**told, "ok": False, "error": error}})
        continue
    note("job." + job["id"], line.strip())
    facts = {"frames": 50, "fps": "25", "duration": 2.0}
    output.with_name(output.name + ".json").write_text(json.dumps(facts))
    part = output.with_suffix(".part")
    part.write_bytes(bytes(range(256)) * 400)
    note("made", job["id"])
    part.replace(output)
    send({"outcome": {**told, "result": {**facts, "warnings": [job["video"] + ": is short"]}}})
"""


def worker_program(folder: Path) -> str:
    """The program of a worker that notes in this folder what it does."""
    return WORKER.replace("FOLDER", repr(str(folder)))


@dataclass
class Running:
    """A service that runs."""

    url: str
    service: Service
    folder: Path
    client: httpx.Client
    log: io.StringIO

    def generate(self, **said: Any) -> httpx.Response:
        """Ask for a generation of the sample files; `crf` tells the worker what to do."""
        headers = said.pop("headers", {})
        crf = said.pop("crf", 20)
        return self.client.post("/v2/generate", json=request_of(crf, **said), headers=headers)

    def wait(self, id: str, *statuses: str, seconds: float = 90.0) -> dict[str, Any]:  # noqa: A002
        """A generation, once it has one of these statuses (default: has ended)."""
        told: dict[str, Any] = {}

        def there() -> bool:
            told.update(self.client.get(f"/v2/generate/{id}").json())
            return told["status"] in (statuses or ENDED)

        wait_until(there, seconds, lambda: f"{told}\n{self.log.getvalue()[-2000:]}")
        return told

    def noted(self, name: str) -> list[str]:
        """The ids of the jobs that began, or were made."""
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    def job(self, id: str) -> dict[str, Any]:  # noqa: A002
        """The job that a worker got."""
        told: dict[str, Any] = json.loads((self.folder / f"job.{id}").read_text())
        return told

    def events(self, event: str) -> list[dict[str, Any]]:
        """What the log tells of one kind of event."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]


def request_of(crf: int = 20, **said: Any) -> dict[str, Any]:
    """What a client sends."""
    inputs = [{"type": "video", "path": "clip.mp4"}, {"type": "audio", "path": "tone.wav"}]
    return {"model": "lipsync-2", "input": inputs, "lipsyncOptions": {"crf": crf}, **said}


def wait_until(
    there: Callable[[], bool], seconds: float = 90.0, say: Callable[[], object] = lambda: ""
) -> None:
    """Wait for something to become true."""
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until, say()
        time.sleep(0.02)


def make_root(folder: Path) -> Path:
    """A folder that is open to clients, with a clip and a tone in it."""
    root = folder / "root"
    root.mkdir(exist_ok=True)
    (root / "clip.mp4").write_bytes(clips.video("served.mp4").read_bytes())
    (root / "tone.wav").write_bytes(clips.sound("served.wav").read_bytes())
    return root


@contextmanager
def running(
    folder: Path, *, keys: Keys | None = None, secret: str | None = None, **options: Any
) -> Iterator[Running]:
    """A service in this process, on a free port."""
    chosen = ServeOptions(**{"port": 0, "grace": 0, "min_free": "1M", "rate": 1e6, **options})
    log, stop, told = io.StringIO(), StopRequest(), []
    place = folder / "secret" if secret else None
    if place is not None:
        place.write_text(str(secret))
    setup = Setup(
        folder / "data", [make_root(folder)], keys or Keys(), place, {}, chosen, EventLog(log)
    )
    faults: list[BaseException] = []

    def run() -> None:
        try:
            serve(setup, stop=stop, started=lambda *given: told.append(given))
        except BaseException as error:
            faults.append(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_process, "PROGRAM", worker_program(folder))
        thread = threading.Thread(target=run)
        thread.start()
        try:
            wait_until(lambda: bool(told or faults))
            if faults:
                raise faults[0]
            url, service = told[0]
            with httpx.Client(base_url=url, timeout=30) as client:
                yield Running(url, service, folder, client, log)
        finally:
            stop.set()
            thread.join()
    assert not faults
    assert '"fault"' not in log.getvalue(), log.getvalue()


@dataclass
class Site:
    """A site on this machine: files to fetch, and messages that it was sent."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    messages: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    failures: int = 0  # messages that it answers with 500 first
    unavailable: int = 0  # requests that it answers with 503 first
    asked: list[str] = field(default_factory=list)


@contextmanager
def site() -> Iterator[Site]:
    """A site that runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            if self.path in known.redirects:
                self.send_response(302)
                self.send_header("Location", known.redirects[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = known.files.get(self.path)
            if known.unavailable > 0:
                known.unavailable -= 1
                body = None
                self.send_response(503)
            else:
                self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.messages.append((dict(self.headers), body))
            failed = len(known.messages) <= known.failures
            self.send_response(500 if failed else 204)
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
