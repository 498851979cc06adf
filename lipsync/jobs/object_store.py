"""Files in object stores, as a manifest names them: s3://, gs://, az://, whatever fsspec reaches.

Whoever makes a job has what it reads brought to their machine, where the cache keeps it, and what
it writes brought back. How a job holds URLs: see `urls`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lipsync.errors import LipsyncError, MediaError, MissingPackageError, OptionsError, OutputError
from lipsync.jobs.job import PLACES, Job, list_inputs, list_outputs
from lipsync.jobs.urls import show_place, url_of
from lipsync.runtime.cache import Cache
from lipsync.runtime.disk_space import parse_size

# What tells whether an object is still the same, by the names that stores have for it.
_VERSION = ("ETag", "etag", "md5Hash", "crc32c", "content_md5", "mtime", "LastModified", "created")


def is_remote(job: Job) -> bool:
    """Whether a job reads or writes anything that is not a file here."""
    return any(url_of(place) for place in (*list_inputs(job), *list_outputs(job)))


def describe_object(path: Path) -> list[Any] | None:
    """What tells one state of an object from another; None: it is not there.

    Raises:
        MediaError: its store cannot be reached.
    """
    url = url_of(path)
    assert url is not None  # noqa: S101 — asked of URLs alone
    try:
        facts = _reach(url, lambda store, place: store.info(place))
    except FileNotFoundError:
        return None
    told = {name: str(facts[name]) for name in _VERSION if facts.get(name) is not None}
    return [facts.get("size"), json.dumps(told, sort_keys=True)]


def check_inputs(job: Job) -> list[list[Any]]:
    """See whether all URLs that a job reads are there; what they hold now.

    Raises:
        MediaError: one is not.
    """
    found = []
    for place in filter(url_of, list_inputs(job)):
        facts = describe_object(place)
        if facts is None:
            raise MediaError(f"{url_of(place)}: there is no such object")
        found.append([url_of(place), *facts])
    return found


@contextmanager
def brought_here(job: Job) -> Iterator[Job]:
    """The job with files in place of URLs; what it has written goes to its URLs at the end.

    Raises:
        MediaError: an input cannot be had.
        OutputError: an output cannot be stored; none of them is there then.
    """
    if not is_remote(job):
        yield job
        return
    run = job.options.run
    with ExitStack() as stack:
        root = Cache.default_root() if run.cache else None
        cache = stack.enter_context(Cache(root, parse_size(run.cache_size)))
        room = stack.enter_context(cache.room())
        here = {place: _fetch(place, cache) for place in filter(url_of, list_inputs(job))}
        outputs = {place: room / place.name for place in filter(url_of, list_outputs(job))}
        if len({one.name for one in outputs}) < len(outputs):
            raise OutputError(f"{show_place(job.output)}: two outputs of the job have one name")
        yield _with_places(job, {**here, **outputs})
        _store(outputs)


def _with_places(job: Job, moved: dict[Path, Path]) -> Job:
    """The job with other places."""

    def put(place: Any) -> Any:
        return moved.get(place, place)

    spans = job.spans
    if isinstance(spans, tuple):
        spans = tuple(replace(one, audio=put(one.audio)) for one in spans)
    return replace(
        job,
        video=put(job.video),
        audio=put(job.audio),
        output=put(job.output),
        speakers=tuple(replace(one, audio=put(one.audio)) for one in job.speakers),
        spans=put(spans) if isinstance(spans, Path) else spans,
        **{name: put(getattr(job, name)) for name in PLACES},
    )


def _fetch(place: Path, cache: Cache) -> Path:
    """An object as a file: the cache keeps it, and one of several jobs brings it."""
    url, facts = url_of(place), describe_object(place)
    if url is None or facts is None:
        raise MediaError(f"{show_place(place)}: there is no such object")

    def make(folder: Path) -> None:
        _reach(url, lambda store, name: store.get_file(name, str(folder / place.name)))

    return cache.folder("objects", {"url": url, "facts": facts}, make, code="1") / place.name


def _store(outputs: dict[Path, Path]) -> None:
    """Write files to their URLs: all of them, or none."""
    stored: list[Path] = []
    for place, file in outputs.items():
        if not file.exists():
            continue
        try:
            _put(place, file)
        except (LipsyncError, OSError) as error:
            for one in stored:
                with suppress(LipsyncError, OSError):
                    _reach(show_place(one), lambda store, name: store.rm_file(name))
            raise OutputError(f"{show_place(place)}: cannot be stored: {error}") from error
        stored.append(place)


def _put(place: Path, file: Path) -> None:
    """Store a file; where objects lie in folders, these are made."""

    def work(store: Any, name: str) -> None:
        store.makedirs(store._parent(name), exist_ok=True)
        store.put_file(str(file), name)

    _reach(show_place(place), work)


def _reach(url: str, work: Callable[[Any, str], Any]) -> Any:
    """Do something with an object in its store.

    Raises:
        FileNotFoundError: it is not there.
        OptionsError: no package reaches stores of this kind.
        MediaError: the store cannot be reached, or refuses.
    """
    try:
        import fsspec
    except ImportError:
        raise MissingPackageError("fsspec", url, "store") from None
    try:
        store, name = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise OptionsError(f"{url}: {' '.join(str(error).split())}") from None
    try:
        return work(store, name)
    except (FileNotFoundError, LipsyncError):
        raise
    except Exception as error:  # every store has errors of its own
        why = " ".join(str(error).split()) or type(error).__name__
        raise MediaError(f"{url}: {why}") from error
