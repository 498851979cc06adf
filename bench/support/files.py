"""Files that a command line names, one by one or by folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def expand_folders(given: Iterable[Path]) -> list[Path]:
    """The files themselves, and those of folders, sorted."""
    return [path for one in given for path in (sorted(one.iterdir()) if one.is_dir() else [one])]
