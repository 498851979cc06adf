"""URLs in places of a job, which are paths: each is held as a path that stands for it.

`s3://bucket/film/a.mp4` is held as `/.lipsync-url/s3%3A%2F%2Fbucket%2Ffilm/a.mp4`. So a name beside
it, a sidecar's, stands for the URL beside it.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote, unquote

from lipsync.errors import OptionsError

STANDS_FOR = ".lipsync-url"
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(/?)(.+)")  # one letter is a drive


def stand_in(value: Any) -> Path | None:
    """The path that stands for a URL; None: this is none.

    Args:
        value: a text, or a path that was made of one and has lost the second of its slashes.

    Raises:
        OptionsError: it names a folder.
    """
    if not isinstance(value, str | PurePath):
        return None
    found = _URL.fullmatch(value if isinstance(value, str) else value.as_posix())
    if found is None or (isinstance(value, str) and not found[2]):
        return None
    scheme, rest = found[1].lower(), found[3]
    if isinstance(value, PurePath) and scheme in ("file", "local"):
        rest = f"/{rest}"
    folder, _, name = f"{scheme}://{rest}".rpartition("/")
    if not name or folder.endswith(":/"):
        raise OptionsError(f"{value}: is a folder; give the name of a file in it")
    return Path("/", STANDS_FOR, quote(folder, safe=""), name)


def url_of(path: Path | None) -> str | None:
    """The URL that a path stands for; None: it is a path."""
    if path is None or len(path.parts) != 4 or path.parts[1] != STANDS_FOR:
        return None
    return f"{unquote(path.parts[2])}/{path.parts[3]}"


def show_place(path: Path) -> str:
    """A path, or the URL that it stands for, as the user wrote it."""
    return url_of(path) or str(path)
