"""Batches: every outcome is told, what is done is not done again, what dies is tried again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import pytest

import lipsync
from lipsync.cli.app import main
from lipsync.errors import ManifestError, OutputError
from lipsync.jobs import worker_process
from lipsync.jobs.batch import estimate_batch, run_batch
from lipsync.jobs.job import Job
from lipsync.jobs.ledger import Ledger
from lipsync.jobs.local_engine import JobQueue, LocalEngine
from lipsync.jobs.outcome import JobError, JobOutcome
from lipsync.jobs.worker_process import WorkerProcess
from lipsync.runtime.hashing import hash_file

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
BEGINS = "import sys, json, os, time; sys.path[:] = json.loads(sys.argv[1]); "
# A worker that renders nothing: it answers what the job's language asks for.
ANSWERS = f"""{BEGINS}
for line in sys.stdin:
    job = json.loads(line)
    how = job["language"] or ""
    tried = job["output"] + ".tried"
    with open(tried, "a") as file:
        file.write("x")
    print(json.dumps({{"progress": ["render", 1, 2]}}), flush=True)
    if how == "dies" or (how == "dies once" and os.path.getsize(tried) == 1):
        os._exit(9)
    if how == "hangs":
        time.sleep(600)
    error = None
    if how == "wrong":
        error = {{"kind": "input", "code": "no_face", "message": "no face", "retryable": False}}
    else:
        open(job["output"], "w").write("made")
    result = None if error else {{"warnings": [], "duration": 2.0}}
    print(json.dumps({{"outcome": {{"id": job["id"], "ok": error is None, "seconds": 0.1,
        "output": job["output"], "error": error, "result": result}}}}), flush=True)
"""


def _manifest(base: Path, jobs: list[dict[str, Any]]) -> Path:
    path = base / "jobs.jsonl"
    lines = [
        {"video": str(SAMPLE / "target.mp4"), "audio": str(SAMPLE / "speech.wav"), **one}
        for one in jobs
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "PROGRAM", ANSWERS)


def _packets(path: Path) -> list[tuple[str, bytes]]:
    with av.open(str(path)) as file:
        return [(packet.stream.type, bytes(packet)) for packet in file.demux() if packet.size]


@pytest.mark.slow
def test_a_real_batch_gives_what_single_renders_give(tmp_path: Path) -> None:
    options = {"adapt": "never", "content_credentials": False}
    path = _manifest(tmp_path, [
        {"id": "a", "output": "a.mp4", **options},
        {"id": "b", "output": "b.mp4", "crf": 30, **options},
        {"id": "c", "output": "c.mp4", "segment": "0.2s-1s", **options},
    ])  # fmt: skip
    stages: dict[str, list[str]] = {}
    result = run_batch(
        path, tmp_path / "out", workers=2,
        progress=lambda job, stage, *_: stages.setdefault(job.id, []).append(stage),
    )  # fmt: skip
    assert (result.done, result.skipped, result.failed) == (3, 0, ())
    assert set(stages) == {"a", "b", "c"} and all("render" in one for one in stages.values())
    alone = lipsync.render(
        SAMPLE / "speech.wav", SAMPLE / "target.mp4", tmp_path / "alone.mp4",
        options={**options, "crf": 30},
    )  # fmt: skip
    assert _packets(tmp_path / "out" / "b.mp4") == _packets(alone.output)
    lines = [json.loads(line) for line in result.ledger.read_text().splitlines()]
    assert {line["id"] for line in lines} == {"a", "b", "c"}
    assert all(line["ok"] and line["result"]["frames"] > 0 for line in lines)
    again = run_batch(path, tmp_path / "out")
    assert (again.done, again.skipped) == (0, 3)


@pytest.mark.usefixtures("answers")
def test_failures_are_told_and_what_helps_is_tried(tmp_path: Path) -> None:
    path = _manifest(tmp_path, [
        {"id": "fine"}, {"id": "wrong", "language": "wrong"},
        {"id": "dies", "language": "dies"}, {"id": "once", "language": "dies once"},
    ])  # fmt: skip
    told: dict[str, Any] = {}
    out = tmp_path / "out"
    result = run_batch(path, out, workers=2, told=lambda line: told.update({line["id"]: line}))
    assert (result.done, {one[0] for one in result.failed}) == (2, {"wrong", "dies"})
    assert told["wrong"]["error"] == {
        "kind": "input", "code": "no_face", "message": "no face", "retryable": False
    }  # fmt: skip
    assert told["wrong"]["attempts"] == 1  # trying again would not help
    assert (told["dies"]["attempts"], told["dies"]["error"]["code"]) == (3, "worker_lost")
    assert told["dies"]["error"]["retryable"] and "exit code 9" in told["dies"]["error"]["message"]
    assert (told["once"]["attempts"], told["once"]["ok"]) == (2, True)
    again = run_batch(path, out)
    assert (again.skipped, again.done, len(again.failed)) == (2, 0, 2)


@pytest.mark.usefixtures("answers")
def test_an_output_that_changed_is_made_again(tmp_path: Path) -> None:
    path, out = _manifest(tmp_path, [{"id": "a"}, {"id": "b", "output": "b.mp4"}]), tmp_path / "out"
    run_batch(path, out)
    (out / "b.mp4").write_text("touched")
    with pytest.raises(ManifestError, match=r"job b: .*exists already and is not of this batch"):
        run_batch(path, out)
    again = run_batch(path, out, overwrite=True)
    assert (again.done, again.skipped) == (1, 1)
    changed = _manifest(tmp_path, [{"id": "a", "crf": 30}, {"id": "b", "output": "b.mp4"}])
    assert run_batch(changed, out, overwrite=True).done == 1


@pytest.mark.usefixtures("answers")
def test_an_output_that_no_ledger_has_is_ours_if_its_record_is(tmp_path: Path) -> None:
    """The batch was killed when the output had its name and the ledger not yet its line."""
    path, out = _manifest(tmp_path, [{"id": "a", "output": "a.mp4"}]), tmp_path / "out"
    key = json.loads(run_batch(path, out).ledger.read_text())["key"]
    (out / "results.jsonl").unlink()
    with pytest.raises(ManifestError, match="is not of this batch"):
        run_batch(path, out)
    for digest in ("of another file", hash_file(out / "a.mp4")):
        told = {"record": key.split()[0], "output": {"sha256": digest}}
        (out / "a.mp4.json").write_text(json.dumps(told))
        if digest == "of another file":
            with pytest.raises(ManifestError, match="is not of this batch"):
                run_batch(path, out)
    assert run_batch(path, out).done == 1


def test_a_wrong_manifest_leaves_no_folder(tmp_path: Path) -> None:
    path = _manifest(tmp_path, [{"id": "a", "candidats": 1}])
    with pytest.raises(ManifestError):
        run_batch(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("answers")
def test_a_job_that_hangs_is_given_up(tmp_path: Path) -> None:
    path = _manifest(tmp_path, [{"id": "hangs", "language": "hangs"}, {"id": "fine"}])
    began = time.monotonic()
    result = run_batch(path, tmp_path / "out", timeout_s=1.0)
    assert [one[:2] for one in result.failed] == [("hangs", "timed_out")]
    assert result.done == 1 and time.monotonic() - began < 30


@pytest.mark.usefixtures("answers")
def test_a_ledger_that_was_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path, out = _manifest(tmp_path, [{"id": "a"}, {"id": "b", "output": "b.mp4"}]), tmp_path / "out"
    result = run_batch(path, out)
    whole = result.ledger.read_bytes()
    result.ledger.write_bytes(whole[: whole.rstrip(b"\n").rfind(b"\n") + 20])
    again = run_batch(path, out, overwrite=True)
    assert (again.done, again.skipped) == (1, 1)
    lines = [json.loads(line) for line in result.ledger.read_text().splitlines()]
    assert [line["ok"] for line in lines] == [True, True]


def test_two_batches_in_one_folder_do_not_meet(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    with pytest.raises(OutputError, match="another batch is writing there"):
        Ledger(tmp_path)
    first.close()
    Ledger(tmp_path).close()


@pytest.mark.usefixtures("answers")
def test_closing_the_outcomes_stops_the_work(tmp_path: Path) -> None:
    jobs = [
        Job(str(k), Path("v"), Path("a"), tmp_path / f"{k}.mp4", language="hangs") for k in range(4)
    ]
    began = time.monotonic()
    outcomes = LocalEngine(2).run([Job("x", Path("v"), Path("a"), tmp_path / "x.mp4"), *jobs])
    assert next(outcomes).ok
    outcomes.close()
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("answers")
def test_a_job_that_is_no_longer_wanted_is_cancelled(tmp_path: Path) -> None:
    process = WorkerProcess()
    job = Job("h", Path("v"), Path("a"), tmp_path / "h.mp4", language="hangs")
    seen: list[tuple[str, int, int | None]] = []
    outcome = process.make(job, lambda *one: seen.append(one), wanted=lambda: not seen)
    assert outcome.error == JobError.cancelled() and seen == [("render", 1, 2)]
    assert process.make(Job("f", Path("v"), Path("a"), tmp_path / "f.mp4")).ok
    pid = process.pid
    process.stop()
    assert pid is not None
    with pytest.raises(OSError):
        os.kill(pid, 0)


def test_targets_that_nobody_looks_at_go_first() -> None:
    def job(name: str, target: str) -> Job:
        return Job(name, Path(target), None, Path(f"/{name}.mp4"))

    waiting = JobQueue([job("1", "a"), job("2", "a"), job("3", "b"), job("4", "a")])
    first, second = waiting.take(), waiting.take()
    assert first and second and (first.id, second.id) == ("1", "3")
    third = waiting.take()  # all targets are being looked at: better wait there than here
    assert third and third.id == "2"
    waiting.note_known(first)
    fourth = waiting.take()
    assert fourth and fourth.id == "4" and waiting.take() is None


def test_outcomes_survive_json() -> None:
    for one in (
        JobOutcome("a", True, "o.mp4", 1.5, 2, {"frames": 3}, None, "host:1"),
        JobOutcome("b", False, "o.mp4", 1.5, error=JobError.worker_lost("SIGKILL")),
    ):
        assert JobOutcome.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    ("error", "kind", "code", "retryable"),
    [
        (lipsync.LipsyncError("x"), "system", "lipsync", False),
        (ManifestError("m", ["line 1: x"]), "input", "manifest", False),
        (MemoryError(), "system", "memory", True),
        (OSError(12, "no memory"), "system", "os", True),
        (OSError(2, "missing"), "system", "file_not_found", False),
        (ZeroDivisionError("bug"), "bug", "zero_division", False),
    ],
)
def test_errors_have_kinds(error: Exception, kind: str, code: str, retryable: bool) -> None:
    found = JobError.of(error)
    assert (found.kind, found.code, found.retryable) == (kind, code, retryable)
    assert found.message and "\n" not in found.message


def test_a_full_disk_passes() -> None:
    try:
        raise OutputError("o.mp4: cannot be written") from OSError(28, "full")
    except OutputError as error:
        assert JobError.of(error).retryable


def test_an_estimate_counts_a_target_once(tmp_path: Path) -> None:
    path = _manifest(tmp_path, [{"id": "a"}, {"id": "b", "output": "b.mp4"}])
    single = estimate_batch(_manifest(tmp_path / ".", [{"id": "a"}]), tmp_path / "none")
    path = _manifest(tmp_path, [{"id": "a"}, {"id": "b", "output": "b.mp4"}])
    both = estimate_batch(path, tmp_path / "none")
    assert (both.jobs, both.targets) == (2, 1)
    assert single.seconds < both.seconds <= 2 * single.seconds
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("answers")
def test_the_command_has_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _manifest(tmp_path, [{"id": "a"}, {"id": "b", "output": "b.mp4", "language": "wrong"}])
    command = ["batch", str(path), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 3
    out, err = capsys.readouterr()
    assert out.strip() == str(tmp_path / "out" / "results.jsonl")
    assert "b: failed: no face" in err
    with pytest.raises(SystemExit) as ended:
        main([*command, "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ended.value.code == 3 and [line["id"] for line in lines] == ["b"]
    _manifest(tmp_path, [{"id": "a", "candidats": 3}, {"id": "a", "video": "none.mp4"}])
    with pytest.raises(SystemExit) as ended:
        main(command)
    err = capsys.readouterr().err
    assert ended.value.code == 2 and "line 1: unknown key" in err and "line 2:" in err


def test_an_interrupted_batch_goes_on(tmp_path: Path) -> None:
    """The command itself, with Ctrl-C in its second job."""
    path = _manifest(tmp_path, [{"id": "a"}, {"id": "b", "output": "b.mp4", "language": "hangs"}])
    out = tmp_path / "out"
    script = (
        f"from lipsync.jobs import worker_process; worker_process.PROGRAM = {ANSWERS!r}; "
        "from lipsync.cli.app import main; main()"
    )
    command = [sys.executable, "-c", script, "batch", str(path), "--out", str(out)]
    started = subprocess.Popen(
        command, cwd=Path(lipsync.__file__).parents[1], stderr=subprocess.PIPE, text=True
    )
    tried = out / "b.mp4.tried"
    deadline = time.monotonic() + 60
    while not tried.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130 and "interrupted" in err, err
    done = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [line["id"] for line in done] == ["a"]
