"""Jobs on Ray: a cluster of this machine, with whole jobs, shards, and a process that is killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

import lipsync
from bench.cost.batches import kill_task
from lipsync.errors import MissingPackageError, OptionsError, SystemUnfitError
from lipsync.jobs.batch import run_batch
from lipsync.jobs.engines import open_engine
from lipsync.jobs.job import Job

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
PLAIN = {"adapt": "never", "content_credentials": False}
RAY_WARNS = pytest.mark.filterwarnings("ignore::FutureWarning:ray.*", "ignore::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="Ray is not installed (the extra `ray`)")
    yield
    ray.shutdown()


def _manifest(base: Path, jobs: list[dict[str, Any]]) -> Path:
    path = base / "jobs.jsonl"
    given = {"video": str(SAMPLE / "target.mp4"), "audio": str(SAMPLE / "speech.wav"), **PLAIN}
    path.write_text("\n".join(json.dumps({**given, **one}) for one in jobs))
    return path


def _packets(path: Path) -> list[tuple[str, bytes, int | None]]:
    with av.open(str(path)) as file:
        return [(p.stream.type, bytes(p), p.pts) for p in file.demux() if p.size]


@pytest.mark.slow
@RAY_WARNS
def test_ray_gives_what_this_machine_gives(tmp_path: Path) -> None:
    """Whole, in shards, and after the process that works on a job was killed."""
    path = _manifest(tmp_path, [
        {"id": "a", "output": "a.mp4"}, {"id": "b", "output": "b.mp4", "crf": 30},
        {"id": "wrong", "output": "c.mp4", "segment": "0.2s-1s", "face": "7"},
    ])  # fmt: skip
    killed: list[int] = []

    def kill_once(job: Job, stage: str, done: int, total: int | None) -> None:
        if job.id == "b" and stage == "render" and not killed:
            killed.append(kill_task("render b"))

    whole = run_batch(path, tmp_path / "whole", engine="ray", workers=2, progress=kill_once)
    sharded = run_batch(path, tmp_path / "sharded", engine="ray", workers=2, shard_s=2)
    local = run_batch(path, tmp_path / "local", workers=1)
    assert killed
    for one in (whole, sharded, local):
        assert (one.done, [name for name, *_ in one.failed]) == (2, ["wrong"]), one.failed
    for name in ("a.mp4", "b.mp4"):
        found = [_packets(tmp_path / place / name) for place in ("whole", "sharded", "local")]
        assert found[0] == found[1] == found[2]
    assert sorted(one.name for one in (tmp_path / "sharded").iterdir()) == sorted(
        one.name for one in (tmp_path / "local").iterdir()
    )


@RAY_WARNS
def test_a_cluster_that_is_not_there_is_one_line() -> None:
    with pytest.raises(SystemUnfitError, match="no Ray cluster there") as raised:
        open_engine("ray", 1, address="127.0.0.1:1")
    assert "\n" not in str(raised.value)


def test_options_of_a_cluster_need_one() -> None:
    with pytest.raises(OptionsError, match="--address is of a cluster"):
        open_engine("local", 1, address="auto")
    with pytest.raises(OptionsError, match="wanted local or ray"):
        open_engine("slurm", 1)


def test_without_ray_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"lipsync-render\[ray\]"):
        open_engine("ray", 1)
