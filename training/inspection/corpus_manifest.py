"""The list of clips of a folder: what each is and how it was made, one JSON object a line."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lipsync.errors import MediaError
from lipsync.runtime.atomic import atomic_write
from training.inspection.pieces import Split

NAME = "manifest.jsonl"


@dataclass(frozen=True)
class ClipEntry:
    """One clip."""

    path: str  # relative to the manifest's folder
    source: str  # footage it was made from, relative to the data folder
    person: str
    corpus: str
    split: Split
    kind: str
    params: dict[str, Any] = field(default_factory=dict)  # of the render or edit
    seconds: float = 0.0
    sound: bool = False  # it has a sound that is meant to belong to this picture
    failed: str | None = None  # why there is no such clip


class Manifest:
    """The manifest of a folder. Several processes may add to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME

    def entries(self) -> list[ClipEntry]:
        """Every clip, also those that failed, in the order in which they were made.

        Raises:
            MediaError: a line is not an entry.
        """
        if not self.path.is_file():
            return []
        lines = self.path.read_text("utf-8").splitlines()
        return [self._entry(number, line) for number, line in enumerate(lines, 1)]

    def _entry(self, number: int, line: str) -> ClipEntry:
        try:
            return ClipEntry(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise MediaError(f"{self.path}:{number}: not an entry ({error})") from error

    def made(self) -> dict[str, ClipEntry]:
        """The clips that are there, by path."""
        entries = (e for e in self.entries() if e.failed is None)
        return {e.path: e for e in entries if (self.folder / e.path).is_file()}

    def record(self, entry: ClipEntry) -> None:
        """Add a clip, or replace what was recorded under its path.

        Raises:
            OutputError: the manifest cannot be written.
        """
        with self._locked():
            kept = {known.path: known for known in self.entries()}
            kept.pop(entry.path, None)
            kept[entry.path] = entry
            lines = (json.dumps(asdict(e), ensure_ascii=False) + "\n" for e in kept.values())
            with atomic_write(self.path) as temporary:
                temporary.write_text("".join(lines), "utf-8")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """No other process changes the manifest meanwhile."""
        with (self.folder / f".{NAME}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
