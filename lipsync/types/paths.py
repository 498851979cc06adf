"""What a caller gives as a path."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath

from lipsync.errors import OptionsError

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+(?P<rest>.*)", re.DOTALL)


def as_path(value: object, what: str) -> Path:
    """A path given as text, bytes or a path-like object.

    Args:
        what: it is for, in messages.

    Raises:
        OptionsError: it is none of these, or empty.
    """
    if not isinstance(value, str | bytes | os.PathLike):
        raise OptionsError(f"{what}: wanted a path, got {value!r}")
    name = os.fsdecode(value)
    if not name or "\0" in name:
        raise OptionsError(f"{what}: wanted a path, got {name!r}")
    return Path(name)


def as_url(path: PurePath) -> str | None:
    """The URL that a path was before its slashes were joined; None: it never was one."""
    found = _URL.match(path.as_posix())  # Windows turns slashes
    if found is None:
        return None
    slashes = ":///" if found["scheme"].lower() == "file" else "://"
    return found["scheme"] + slashes + found["rest"]
