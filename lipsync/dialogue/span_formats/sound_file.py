"""Sound files that spans name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def named_path(name: str) -> Path:
    """The path of a name; `~` is the home of a user, if there is such a one."""
    path = Path(name)
    try:
        return path.expanduser()
    except RuntimeError:  # no such user
        return path


def first_file(places: Iterable[Path]) -> Path | None:
    """The first of these paths that is a file; None: none is."""
    return next((place for place in places if _is_file(place)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no name that a file can have
        return False
