"""Finished parts of one output, kept until it is complete: a render that was stopped goes on.

They lie in the cache, in a folder per output, with a manifest of what they were made from. A part
counts when its entry is there and its bytes are those that the entry names; entries come last and
whole. Nothing of a render with other inputs, options or code is taken over.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.errors import OutputError
from lipsync.media.parts import SUFFIX
from lipsync.runtime.atomic import os_errors_as_output_errors
from lipsync.runtime.hashing import hash_file_now
from lipsync.runtime.path_lock import PathLock
from lipsync.types import F32, Bools, Damage

MANIFEST, ENTRY = "manifest.json", ".json"
NAMED_MOST = 3  # of the facts that changed

Facts = Mapping[str, str]  # what decides an output, by plain names


@dataclass(frozen=True, eq=False)
class PartLog:
    """What happened to the n frames of a part, per speaker."""

    changed: Bools  # (s, n)
    distances: F32  # (s, n)
    scores: F32  # (s, n, k)
    damage: Damage  # met in reading the target, up to this part

    @staticmethod
    def read(entry: Mapping[str, Any]) -> PartLog:
        """What `to_json` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        damage = Damage(set(map(int, entry["replaced"])), int(entry["partly_decoded"]))
        changed = np.array(entry["changed"], bool)
        distances, scores = (np.array(entry[key], np.float32) for key in ("distances", "scores"))
        return PartLog(changed, distances, scores, damage)

    def to_json(self) -> dict[str, Any]:
        """The log as JSON."""
        scores = self.scores.astype(object)
        scores[np.isnan(self.scores)] = None  # JSON has no NaN
        return {
            "changed": self.changed.astype(int).tolist(),
            "distances": self.distances.astype(float).tolist(),
            "scores": scores.tolist(),
            "replaced": sorted(self.damage.replaced),
            "partly_decoded": self.damage.partly_decoded,
        }


class PartStore:
    """The parts of one output; the lock on them is held."""

    def __init__(self, folder: Path, output: Path, changed: Sequence[str], lock: PathLock | None):
        """See `open_parts`."""
        self.folder, self._output, self._lock = folder, output, lock
        self.changed = changed  # facts that are not those of an earlier run; its parts are gone

    def place(self, part: range) -> Path:
        """Where the part's pictures lie."""
        return self.folder / f"{part.start:08d}-{part.stop:08d}{SUFFIX}"

    def read(self, part: range) -> PartLog | None:
        """The log of a finished part; None: it is not there, or damaged."""
        place = self.place(part)
        try:
            entry = json.loads(place.with_suffix(ENTRY).read_text("utf-8"))
            if entry["sha256"] != hash_file_now(place):
                return None
            log = PartLog.read(entry)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        right = log.changed.shape == log.distances.shape == log.scores.shape[:2]
        right = right and log.scores.ndim == 3 and log.changed.shape[1:] == (len(part),)
        return log if right else None

    @contextmanager
    def write(self, part: range) -> Iterator[Path]:
        """A temporary place for the part's pictures; afterwards `commit` it."""
        # The encoder of a killed render may still be writing to an old one, and of a part that two
        # machines make at once either may be the first: this must be another file.
        making = f"making-{part.start:08d}-"
        if self._lock is not None:
            for old in self.folder.glob(f"{making}*"):
                old.unlink(missing_ok=True)
        temporary = self.folder / f"{making}{secrets.token_hex(4)}{SUFFIX}"
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def commit(self, part: range, temporary: Path, log: PartLog) -> None:
        """Keep a part whose pictures are complete; it survives whatever happens from here on.

        Raises:
            OutputError: the disk is full.
        """
        place = self.place(part)
        entry = {"sha256": hash_file_now(temporary), **log.to_json()}
        with os_errors_as_output_errors(self._output):
            _flush(temporary)
            temporary.replace(place)
            _write_whole(place.with_suffix(ENTRY), json.dumps(entry))

    def clear(self) -> None:
        """Forget all parts: the output is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let others write this output."""
        if self._lock is not None:
            self._lock.release()


@contextmanager
def open_parts(root: Path, output: Path, facts: Facts) -> Iterator[PartStore]:
    """The parts of an output that an earlier run left, if it was made from the same.

    Args:
        root: of the cache.
        facts: what decides the output's frames.

    Raises:
        OutputError: another process writes the same output, or nothing can be written.
    """
    name = hashlib.sha256(os.fsencode(output.resolve())).hexdigest()[:32]
    folder = root / "parts" / name
    with os_errors_as_output_errors(output):
        folder.mkdir(parents=True, exist_ok=True)
    lock = _take_lock(folder, output)
    known = _read_facts(folder)
    changed = [] if known is None else _list_changes(known, facts)
    with os_errors_as_output_errors(output):
        if known is None or changed:
            for file in folder.iterdir():
                file.unlink()
            _write_whole(folder / MANIFEST, json.dumps({"output": str(output), **facts}, indent=1))
    store = PartStore(folder, output, changed, lock)
    try:
        yield store
    finally:
        store.close()


def _take_lock(folder: Path, output: Path) -> PathLock | None:
    """The lock on a folder; None: its file system knows none.

    Raises:
        OutputError: another process holds it.
    """
    try:
        return PathLock(folder, exclusive=True)
    except BlockingIOError:
        raise OutputError(f"{output}: another render is writing it; wait for it") from None
    except OSError:
        return None


def _read_facts(folder: Path) -> dict[str, str] | None:
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
        found.pop("output")
        return {str(name): str(value) for name, value in found.items()}
    except (OSError, ValueError, KeyError, AttributeError, RecursionError):
        return None


def _list_changes(known: Facts, now: Facts) -> list[str]:
    """Names of the facts that are not the same, the first ones."""
    differ = [name for name in {**known, **now} if known.get(name) != now.get(name)]
    more = [f"{len(differ) - NAMED_MOST} more"] if len(differ) > NAMED_MOST else []
    return [*differ[:NAMED_MOST], *more]


def _flush(path: Path) -> None:
    """Have the disk keep a file's bytes, also when the power goes."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _write_whole(path: Path, text: str) -> None:
    """Write a small file, complete or not at all."""
    temporary = path.with_name(f"{path.name}.part")
    temporary.write_text(text, "utf-8")
    _flush(temporary)
    temporary.replace(path)
