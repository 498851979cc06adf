"""Output files and folders that appear complete or not at all."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.errors import OutputError


@contextmanager
def atomic_write(output: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to `output` on success and removed on failure.

    Raises:
        OutputError: the file cannot be renamed.
    """
    # The real suffix comes last: programs tell the format of a file by it.
    name = f".{output.stem[:100]}.{secrets.token_hex(4)}.part{output.suffix}"
    temporary = output.with_name(name)
    try:
        yield temporary
        with os_errors_as_output_errors(output):
            temporary.replace(output)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(output: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `output` on success and removed on failure.

    An existing folder is replaced.

    Raises:
        OutputError: the folder cannot be created or renamed.
    """
    token = secrets.token_hex(4)
    temporary = output.with_name(f".{output.name[:100]}.{token}.part")
    former = output.with_name(f".{output.name[:100]}.{token}.old")
    try:
        with os_errors_as_output_errors(output):
            temporary.mkdir()
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
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)


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
