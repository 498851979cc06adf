"""`lipsync batch`: all jobs of a manifest."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from lipsync.cli.console import console, print_line, print_out
from lipsync.cli.parameters import AsJson, Flag, OptionsFile, Overwrite
from lipsync.errors import ManifestError
from lipsync.jobs.batch import estimate_batch, run_batch
from lipsync.jobs.job import Job
from lipsync.jobs.outcome import as_line
from lipsync.options import RenderOptions, read_options
from lipsync.report.results import BatchResult, as_text
from lipsync.runtime.disk_space import format_size
from lipsync.runtime.wording import count_of

SOME_FAILED = 3  # exit code


def batch_command(
    manifest: Path,
    /,
    *,
    out: Path,
    workers: Annotated[int, Field(ge=1, le=256)] = 1,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    timeout: Annotated[float | None, Field(gt=0)] = None,
    shard_s: Annotated[float | None, Field(ge=5)] = None,
    options: OptionsFile = None,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    dry_run: Flag = False,
) -> None:
    """Render all jobs of a manifest; what an earlier run has done is skipped.

    Exit codes: 0 all jobs are done; 2 something is wrong with the manifest or with where results
    should go, and nothing was started; 3 some jobs failed, see results.jsonl.

    Parameters
    ----------
    manifest:
        A .jsonl file with one object per line, or a .csv file whose first line names its columns:
        video, audio, and as needed id, output, language, speakers, spans, segment, sheet, plot,
        sidecar, report, mask, compare, options, or any option of lipsync render by its name.
        Paths are relative to the manifest.
    out:
        Folder of the outputs, and of results.jsonl: one line of JSON per finished job.
    workers:
        Jobs that are rendered side by side.
    engine:
        local: processes of this machine; ray: a Ray cluster.
    address:
        Of the Ray cluster. Default: one that is started here.
    timeout:
        Seconds after which an attempt at a job is given up.
    shard_s:
        Seconds of output from which on a Ray cluster makes a job in shards of that length.
    overwrite:
        Replace outputs that no earlier run of this batch made.
    dry_run:
        Check all jobs and estimate what they take, but write nothing.
    """
    given = {} if options is None else read_options(options, RenderOptions)
    try:
        if dry_run:
            estimate = estimate_batch(manifest, out, options=given)
            for warning in estimate.warnings:
                print_line(f"warning: {warning}", "yellow")
            line = (
                f"{count_of(estimate.jobs, 'job')} of {count_of(estimate.targets, 'target')}: "
                f"{estimate.seconds / 60:.0f} min one after another, as on two cores; "
                f"{format_size(estimate.memory)} of memory, {format_size(estimate.output_size)} "
                "of outputs; nothing was written"
            )
            print_out(as_text(estimate) if as_json else line)
            return
        with _show_jobs() as (told, progress):
            result = run_batch(
                manifest, out, workers=workers, engine=engine, address=address,
                timeout_s=timeout, shard_s=shard_s, options=given, overwrite=overwrite,
                told=told if as_json is False else lambda line: print_out(as_line(line)),
                progress=progress,
            )  # fmt: skip
    except ManifestError as error:
        for fault in error.faults:
            print_line(f"{manifest}: {fault}")
        if len(error.faults) > 1:
            count = len(error.faults)
            raise ManifestError(manifest, [f"{count} faults, see above"]) from None
        raise
    if not as_json:
        _print_summary(result)
    if result.failed:
        sys.exit(SOME_FAILED)


@contextmanager
def _show_jobs() -> Iterator[tuple[Any, Any]]:
    """A bar per running job on stderr, a line on stderr per finished one."""
    columns = (
        TextColumn("{task.description:>24}"), TextColumn("{task.fields[stage]:>11}"), BarColumn(),
        TextColumn("{task.completed}/{task.total}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}
        lock = threading.Lock()

        def told(line: Mapping[str, Any]) -> None:
            with lock:
                if (task := tasks.pop(line["id"], None)) is not None:
                    bars.remove_task(task)
            if line["ok"]:
                print_line(f"{line['id']}: {line['output']} ({line['seconds']:.1f} s)")
                for warning in line["result"]["warnings"]:
                    print_line(f"{line['id']}: warning: {warning}", "yellow")
            else:
                print_line(f"{line['id']}: failed: {line['error']['message']}", "red")

        def report(job: Job, stage: str, done: int, total: int | None) -> None:
            with lock:
                if job.id not in tasks:
                    tasks[job.id] = bars.add_task(job.id, stage=stage, total=total)
                bars.update(tasks[job.id], stage=stage, completed=done, total=total)

        yield told, report


def _print_summary(result: BatchResult) -> None:
    """The summary table on stderr, the ledger's place on stdout."""
    table = Table(box=None, show_header=False)
    rows = (
        ("jobs", result.jobs),
        ("done", result.done),
        ("skipped, done before", result.skipped),
        ("failed", len(result.failed)),
        ("targets", result.targets),
        ("video made", f"{result.video_s:.1f} s"),
        ("time", f"{result.seconds:.1f} s"),
    )
    for name, value in rows:
        table.add_row(name, str(value))
    if console.is_terminal:
        console.print(table)
    else:
        for name, value in rows:
            print_line(f"{name:>22}  {value}")
    print_out(result.ledger)
