"""Output files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.errors import OutputError


@contextmanager
def whole(output: Path) -> Iterator[Path]:
    """A temporary name beside `output` that becomes it on success and vanishes on any failure.

    Raises:
        OutputError: the system refuses the last step.
    """
    # The real suffix comes last: programs that look at the half-made file see what it will be.
    name = f".{output.stem[:100]}.{secrets.token_hex(4)}.part{output.suffix}"
    temporary = output.with_name(name)
    try:
        yield temporary
        with refusals(output):
            temporary.replace(output)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_folder(output: Path) -> Iterator[Path]:
    """A temporary folder beside `output` that becomes it on success and vanishes on any failure.

    A folder that is there already is replaced.

    Raises:
        OutputError: the system refuses to make or to rename it.
    """
    token = secrets.token_hex(4)
    temporary = output.with_name(f".{output.name[:100]}.{token}.part")
    former = output.with_name(f".{output.name[:100]}.{token}.old")
    try:
        with refusals(output):
            temporary.mkdir()
        yield temporary
        with refusals(output):
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
def refusals(output: Path) -> Iterator[None]:
    """Tell in one line what the system has against writing `output`.

    Raises:
        OutputError: for every OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from error
