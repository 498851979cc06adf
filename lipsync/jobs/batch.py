"""A batch: all jobs of a manifest, what is done skipped, what fails told and tried again.

manifest ─ check all lines ─ ledger: which are done ─ engine ─┬→ outcome → ledger
                                                              └→ …
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from lipsync.errors import ManifestError, MediaError, OutputError
from lipsync.jobs.engines import Engine, open_engine
from lipsync.jobs.job import Job
from lipsync.jobs.ledger import Ledger, job_key
from lipsync.jobs.local_engine import Report
from lipsync.jobs.manifest import read_manifest
from lipsync.jobs.object_store import describe_object
from lipsync.jobs.outcome import JobOutcome
from lipsync.jobs.urls import show_place, url_of
from lipsync.marks.sidecar import hash_output, read_sidecar
from lipsync.pipelines.estimate import estimate_script
from lipsync.report.results import BatchEstimate, BatchResult

Told = Callable[[Mapping[str, Any]], None]  # called with every line of the ledger
ONCE_A_TARGET = ("landmarks", "adaptation", "mouth bank")  # steps that jobs of a target share


def run_batch(
    manifest: str | Path,
    out: str | Path,
    *,
    workers: int = 1,
    engine: str = "local",
    address: str | None = None,
    timeout_s: float | None = None,
    shard_s: float | None = None,
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    told: Told | None = None,
    progress: Report | None = None,
) -> BatchResult:
    """Make all jobs of a manifest.

    Args:
        manifest: see `jobs.manifest`.
        out: folder of the outputs and of `results.jsonl`; made if it is not there.
        workers: jobs that are made side by side.
        engine: local, or ray.
        address: of a Ray cluster; None: one is started here.
        timeout_s: of every attempt at a job.
        shard_s: seconds of output from which on a cluster makes a job in shards; None: never.
        options: of every job that does not say otherwise, by their plain names.
        overwrite: replace outputs that no earlier run of this batch made.
        told: called with the line of every job that is finished.
        progress: called with (job, stage, done, total).

    Raises:
        ManifestError: lines of it are wrong; nothing was started.
        OutputError: nothing can be written to `out`.
        LipsyncError: the engine cannot be used.
    """
    began, (folder, made) = time.monotonic(), _make_folder(Path(out))
    try:
        asked = read_manifest(Path(manifest), folder, options)
    except ManifestError:
        if made:
            folder.rmdir()
        raise
    with ExitStack() as stack:
        ledger = Ledger(folder)
        stack.callback(ledger.close)
        keys = {one.job.id: job_key(one) for one in asked}
        done = {name for name, key in keys.items() if ledger.find(key) is not None}
        todo = [one.job for one in asked if one.job.id not in done]
        if not overwrite:
            _check_free(Path(manifest), todo, keys)
        chosen: Engine = open_engine(
            engine, workers, address=address, timeout_s=timeout_s, shard_s=shard_s
        )
        stack.callback(chosen.close)
        outcomes = chosen.run(todo, progress)
        stack.callback(outcomes.close)
        finished: list[JobOutcome] = []
        for outcome in outcomes:
            line = ledger.add(keys[outcome.id], outcome)
            finished.append(outcome)
            if told is not None:
                told(line)
    return BatchResult(
        ledger=ledger.path,
        jobs=len(asked),
        done=sum(one.ok for one in finished),
        skipped=len(done),
        failed=tuple(
            (one.id, one.error.code, one.error.message) for one in finished if one.error is not None
        ),
        targets=len({job.video for job in todo}),
        video_s=round(sum(_video_seconds(one) for one in finished), 3),
        seconds=round(time.monotonic() - began, 3),
    )


def estimate_batch(
    manifest: str | Path, out: str | Path, *, options: Mapping[str, Any] | None = None
) -> BatchEstimate:
    """Check all jobs of a manifest, and say what they would take; nothing is written.

    Raises:
        LipsyncError: as `run_batch`.
    """
    asked = read_manifest(Path(manifest), Path(out).absolute(), options, dry=True)
    known: set[tuple[Path, str]] = set()
    seconds, size, memory, warnings = 0.0, 0, 0, []
    for checked in asked:
        job, request = checked.job, checked.request
        if request is None:
            warnings.append(f"{job.id}: not estimated, its files are in a store")
            continue
        one = estimate_script(request.script, request.paths, request.options)
        for step in one.steps:
            shared = step.name.startswith(ONCE_A_TARGET)
            if not shared or (job.video, step.name) not in known:
                seconds += step.seconds
            known.add((job.video, step.name))
        size, memory = size + one.output_size, max(memory, one.memory)
        warnings += [f"{job.id}: {line}" for line in one.warnings]
    return BatchEstimate(
        jobs=len(asked),
        targets=len({one.job.video for one in asked}),
        seconds=round(seconds, 1),
        memory=memory,
        output_size=size,
        warnings=tuple(warnings),
    )


def _make_folder(out: Path) -> tuple[Path, bool]:
    """The folder, and whether it is new."""
    new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{out}: cannot be made ({reason}); choose another folder") from None
    return out.absolute(), new


def _check_free(manifest: Path, jobs: list[Job], keys: Mapping[str, str]) -> None:
    """See whether outputs would replace what no run of this batch made.

    One that its sidecar says to be of the same record is of a run that was killed before its ledger
    had the job.

    Raises:
        ManifestError: they would.
    """
    there = [
        f"job {job.id}: {show_place(job.output)} exists already and is not of this batch; pass "
        "--overwrite to replace it, or remove it"
        for job in jobs
        if _exists(job.output) and not keys[job.id].startswith(f"{_read_record(job.output)} ")
    ]
    if there:
        raise ManifestError(manifest, there)


def _exists(output: Path) -> bool:
    return output.exists() if url_of(output) is None else describe_object(output) is not None


def _read_record(output: Path) -> str | None:
    """The id of an output's record, as its sidecar has it; None: it has none that fits it."""
    with suppress(MediaError, OSError):
        sidecar = read_sidecar(output)
        if sidecar is not None and sidecar["output"]["sha256"] == hash_output(output):
            return str(sidecar.get("record"))
    return None


def _video_seconds(outcome: JobOutcome) -> float:
    return float(outcome.result["duration"]) if outcome.ok and outcome.result else 0.0
