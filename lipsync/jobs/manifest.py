"""Manifests: a batch's jobs, a line each, as JSON lines or CSV; all are read before one starts."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.errors import InputError, LipsyncError, ManifestError, MediaError, OutputError
from lipsync.jobs.job import Job, list_inputs, list_outputs, read_job
from lipsync.jobs.object_store import check_inputs, is_remote
from lipsync.jobs.urls import show_place, url_of
from lipsync.pipelines.request import RenderRequest, read_request

Line = tuple[str, Mapping[str, Any] | str]  # where it is, and what it says or is wrong with it


@dataclass(frozen=True)
class CheckedJob:
    """A job that could be begun now."""

    job: Job
    request: RenderRequest | None  # None: some of its files are in a store
    objects: Sequence[Any] = ()  # what those hold now


def read_manifest(
    path: Path, out: Path, defaults: Mapping[str, Any] | None = None, *, dry: bool = False
) -> list[CheckedJob]:
    """Read and check all jobs of a manifest.

    Args:
        path: a .jsonl (or .ndjson) or .csv file; what it names is relative to its folder.
        out: folder of outputs that have no folder of their own.
        defaults: options of every job that does not say otherwise, by their plain names.
        dry: nothing will be written: folders of outputs need not be there.

    Raises:
        ManifestError: one or more lines are wrong; it names all of them.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ManifestError(path, [f"cannot be read ({error.strerror or error})"]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ManifestError(path, [f"line {line}: is not UTF-8"]) from None
    lines = list(_csv_lines(text) if path.suffix.lower() == ".csv" else _json_lines(text))
    if not lines:
        raise ManifestError(path, ["there is no job in it"])
    jobs: list[tuple[str, CheckedJob]] = []
    faults: list[str] = []
    for number, (where, said) in enumerate(lines, 1):
        found = _read_line(said, path.parent, out, f"{number:04d}", defaults, dry)
        if isinstance(found, str):
            faults.append(f"{where}: {found}")
        else:
            jobs.append((where, found))
    faults += _find_conflicts([(where, one.job) for where, one in jobs])
    if faults:
        raise ManifestError(path, sorted(faults, key=_line_number))
    return [one for _, one in jobs]


def _read_line(
    said: Mapping[str, Any] | str,
    base: Path,
    out: Path,
    default_id: str,
    defaults: Mapping[str, Any] | None,
    dry: bool,
) -> CheckedJob | str:
    """The job of a line, or what is wrong with it."""
    if isinstance(said, str):
        return said
    try:
        job = read_job(_with_defaults(said, defaults), base, out, default_id)
        if is_remote(job):
            return CheckedJob(job, None, check_remote_job(job))
        return CheckedJob(job, check_job(job, dry=dry))
    except LipsyncError as error:
        return str(error)


def check_job(job: Job, *, dry: bool = False) -> RenderRequest:
    """See whether a job could be begun now.

    Args:
        dry: the folder of its output need not be there.

    Raises:
        LipsyncError: it could not.
    """
    with media.PipedInputs() as piped:
        if job.output.name == "-":
            raise OutputError(f"{job.output}: outputs of a batch are files, not a pipe")
        if dry and not job.output.parent.exists():
            job = replace(job, output=Path(tempfile.gettempdir()) / job.output.name)
        asked = read_request(piped, **job.arguments(), overwrite=True)
        for path in asked.script.inputs.values():
            if piped.is_taken(path):
                raise InputError(f"{piped.rename(str(path))}: is a pipe; give a file")
        return asked


def check_remote_job(job: Job) -> list[Any]:
    """See whether a job with URLs could be begun now; what its URLs hold.

    What only the files themselves can tell, their maker will find.

    Raises:
        LipsyncError: it could not.
    """
    objects = check_inputs(job)
    for place in list_inputs(job):
        if url_of(place) is None and not place.is_file():
            raise MediaError(f"{place}: no such file")
    form = media.Output.parse(job.output).format
    media.check_audio_codec(form, job.options.encode.audio_codec)
    media.check_encoder(form, job.options.encode.encoder)
    return objects


def _json_lines(text: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"line {number}"
        try:
            values = json.loads(line)
        except ValueError as error:
            yield where, f"is not JSON ({error})"
            continue
        except RecursionError:
            yield where, "too many brackets within one another"
            continue
        known = isinstance(values, dict)
        yield where, values if known else f"wanted an object {{…}}, got {line.strip()[:40]}"


def _csv_lines(text: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text))
    try:
        names = [name.strip() for name in next(reader, [])]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield "line 1", f"names a column twice: {', '.join(twice)}"
            return
        for row in reader:
            where = f"line {reader.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(names):
                yield where, f"has {len(row)} cells, the first line names {len(names)}"
                continue
            yield where, {n: c.strip() for n, c in zip(names, row, strict=False) if c.strip()}
    except csv.Error as error:
        yield f"line {reader.line_num}", f"is not CSV ({error})"


def _with_defaults(
    said: Mapping[str, Any], defaults: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """A line with the options that it leaves open."""
    if not defaults:
        return said
    options = said.get("options") or {}
    if not isinstance(options, Mapping):
        return said  # what is wrong with it will be told
    own = {str(name).replace("-", "_") for name in (*options, *said)}
    added = {name: value for name, value in defaults.items() if name not in own}
    return {**said, "options": {**added, **options}}


def _find_conflicts(jobs: list[tuple[str, Job]]) -> Iterator[str]:
    """Jobs that would write what another writes or reads, and ids that occur twice."""
    ids: dict[str, str] = {}
    written: dict[Path, str] = {}
    for where, job in jobs:
        if job.id in ids:
            yield f"{where}: its id {job.id!r} is that of {ids[job.id]}"
        ids.setdefault(job.id, where)
        for place in list_outputs(job):
            if place in written:
                yield f"{where}: writes {show_place(place)}, as {written[place]} does"
            written.setdefault(place, where)
    for where, job in jobs:
        for place in sorted(path for path in list_inputs(job) if path in written):
            if written[place] != where:
                yield f"{where}: reads {show_place(place)}, which {written[place]} writes"


def _line_number(fault: str) -> int:
    found = re.match(r"line (\d+)", fault)
    return int(found[1]) if found else 0
