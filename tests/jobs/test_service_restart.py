"""The service is killed, stopped and started again: nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from lipsync.cli import main
from lipsync.cli.serve import serve_command
from lipsync.errors import MissingPackageError, OutputError
from lipsync.jobs.service.database import Database
from tests.support.services import ENDED, HOLDS, make_root, request_of, wait_until, worker_program

REPO = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from lipsync.cli import main
from lipsync.jobs import worker_process
worker_process.PROGRAM = sys.argv[1]
main(["serve", *sys.argv[2:]])
"""


class Served:
    """The command, in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._log = (folder / "log").open("a+", encoding="utf-8")
        start = self._log.seek(0, os.SEEK_END)
        command = [
            sys.executable, "-W", "error", "-c", PROGRAM, worker_program(folder),
            "--data", str(folder / "data"), "--root", str(make_root(folder)), "--port", "0",
            "--min-free", "1M", "--workers", "2", *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=REPO, stderr=self._log)

        def url() -> str | None:
            self._log.seek(start)
            lines = [json.loads(line) for line in self._log.read().splitlines() if line[0] == "{"]
            return next((line["url"] for line in lines if line["event"] == "listening"), None)

        try:
            wait_until(lambda: url() is not None or self.process.poll() is not None, 120)
            self._log.seek(start)
            assert self.process.poll() is None, self._log.read()
        except BaseException:
            self.end(signal.SIGKILL)
            raise
        self.client = httpx.Client(base_url=str(url()), timeout=30)

    def generate(self, crf: int = 20, **headers: str) -> str:
        """Ask for a generation; its id."""
        answer = self.client.post("/v2/generate", json=request_of(crf), headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def status(self, id: str) -> dict[str, Any]:  # noqa: A002
        told: dict[str, Any] = self.client.get(f"/v2/generate/{id}").json()
        return told

    def end(self, how: signal.Signals) -> int:
        """Send a signal; the exit code."""
        if hasattr(self, "client"):
            self.client.close()
        self.process.send_signal(how)
        code = self.process.wait(60)
        self._log.close()
        return code


def noted(folder: Path, name: str) -> list[str]:
    path = folder / name
    return path.read_text().split() if path.exists() else []


@pytest.mark.slow
def test_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    served = Served(tmp_path)
    try:
        done = served.generate(**{"Idempotency-Key": "before"})
        wait_until(lambda: served.status(done)["status"] == "COMPLETED")
        held = [served.generate(HOLDS) for _ in range(2)]
        waiting = [served.generate() for _ in range(6)]
        wait_until(lambda: set(held) <= set(noted(tmp_path, "begun")))
    finally:
        assert served.end(signal.SIGKILL) == -signal.SIGKILL
    # As if the service had died between the end of a render and writing it down.
    finished = held[0]
    outputs = tmp_path / "data" / "outputs"
    (outputs / f"{finished}.mp4").write_bytes((outputs / f"{done}.mp4").read_bytes())
    sidecar = (outputs / f"{done}.mp4.json").read_bytes()
    (outputs / f"{finished}.mp4.json").write_bytes(sidecar)
    begun = noted(tmp_path, "begun")
    assert len(begun) == len(set(begun)) == 3

    served = Served(tmp_path, "--grace", "0.2")
    try:
        assert served.generate(**{"Idempotency-Key": "before"}) == done
        told = served.status(finished)
        assert (told["status"], told["outputDuration"]) == ("COMPLETED", 2.0)
        wait_until(lambda: all(served.status(one)["status"] == "COMPLETED" for one in waiting))
        wait_until(lambda: noted(tmp_path, "begun").count(held[1]) == 2)
        assert served.status(held[1])["status"] == "PROCESSING"
    finally:
        code = served.end(signal.SIGTERM)
    assert code == 0
    statuses = dict(
        sqlite3.connect(tmp_path / "data" / "service.sqlite3")
        .execute("SELECT id, status FROM generations")
        .fetchall()
    )
    assert statuses[held[1]] == "PENDING"

    (tmp_path / "go").touch()
    served = Served(tmp_path)
    try:
        ids = [done, *held, *waiting]
        wait_until(lambda: all(served.status(one)["status"] in ENDED for one in ids))
        assert {served.status(one)["status"] for one in ids} == {"COMPLETED"}
        for id in ids:  # noqa: A001
            assert served.client.get(served.status(id)["outputUrl"]).status_code == 200
        with pytest.raises(OutputError, match="another service is using this folder"):
            Database(tmp_path / "data")
    finally:
        assert served.end(signal.SIGINT) == 0
    made = noted(tmp_path, "made")
    assert sorted(made) == sorted(set(ids) - {finished})
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert not [line for line in log.splitlines() if '"fault"' in line]


def test_a_service_that_cannot_start_says_why_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, wrong in (
        (["--host", "0.0.0.0"], "without keys only this machine may use the service"),  # noqa: S104
        (["--root", str(tmp_path / "none")], "is no folder"),
        (["--keys", str(tmp_path / "none")], "these keys cannot be read"),
        (["--max-queue", "0"], "greater than or equal to 1"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["serve", "--data", str(tmp_path / "data"), "--port", "0", *options])
        assert caught.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert wrong in lines[0]


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("lipsync.jobs.service.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    line = r"lipsync serve needs the package uvicorn: pip install 'lipsync-render\[serve\]'"
    with pytest.raises(MissingPackageError, match=line):
        serve_command(data=tmp_path)
