"""Output files and folders that appear complete or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from lipsync.errors import LipsyncError, OutputError
from lipsync.runtime.leftovers import sweep_earlier, sweep_outputs
from lipsync.runtime.path_lock import lock_new
from lipsync.runtime.portable import create_file

# Lists that outputs are entered in when they are complete, see `record_outputs`.
_records: list[list[Path]] = []


@contextmanager
def atomic_write(output: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `output` on success and removed on failure.

    The file is there already, empty, and locked: should this process be killed, a later one can
    tell that nobody is writing it.

    Raises:
        OutputError: the file cannot be created or renamed.
    """

    name = output.stem[:100]

    def make() -> Path:
        # The real suffix comes last: programs tell the format of a file by it.
        made = output.with_name(f".{name}.{secrets.token_hex(4)}.part{output.suffix}")
        os.close(create_file(made))
        return made

    _sweep(output.parent)
    sweep_earlier(output.parent, name, output.suffix)
    with os_errors_as_output_errors(output):
        temporary, lock = lock_new(make)
    try:
        yield temporary
        with os_errors_as_output_errors(output):
            temporary.replace(output)
        _record(output)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if lock is not None:
            lock.release()


@contextmanager
def atomic_folder(output: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `output` on success and removed on failure.

    An existing folder is replaced.

    Raises:
        OutputError: the folder cannot be created or renamed.
    """
    name = output.name[:100]

    def make() -> Path:
        made = output.with_name(f".{name}.{secrets.token_hex(4)}.part")
        made.mkdir()
        return made

    _sweep(output.parent)
    sweep_earlier(output.parent, name)
    with os_errors_as_output_errors(output):
        temporary, lock = lock_new(make)
    former = temporary.with_suffix(".old")
    try:
        yield temporary
        with os_errors_as_output_errors(output):
            if output.exists():
                output.rename(former)
            try:
                temporary.rename(output)
            except OSError:
                if former.exists():
                    former.rename(output)
                raise
        _record(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)
        if lock is not None:
            lock.release()


@contextmanager
def os_errors_as_output_errors(output: Path) -> Iterator[None]:
    """Turn system errors while writing `output` into one line for the user.

    Raises:
        OutputError: for every OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from error


@contextmanager
def name_written(*outputs: Path | None) -> Iterator[None]:
    """Let errors inside say that these outputs are complete nevertheless."""
    try:
        yield
    except LipsyncError as error:
        written = " and ".join(str(path) for path in outputs if path is not None)
        error.args = (f"{error}; {written} was written",)
        raise


@contextmanager
def record_outputs() -> Iterator[list[Path]]:
    """Yield a list that every output enters when it is complete, the temporary ones as well."""
    record: list[Path] = []
    _records.append(record)
    try:
        yield record
    finally:
        _records.remove(record)


def _record(output: Path) -> None:
    for record in _records:
        record.append(output)


@lru_cache(maxsize=64)
def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder; once in the life of this one."""
    sweep_outputs(folder)
