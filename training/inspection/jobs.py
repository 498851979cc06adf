"""Clips to be made, and what all of them share."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync.errors import LipsyncError
from training.inspection.corpus_manifest import ClipEntry, Manifest
from training.inspection.edit_target import EditTarget
from training.inspection.pieces import Piece, Split
from training.inspection.real_clips import real_name, write_real

CLIPS, WORK = "clips", "work"  # folders of the output: clips, and what making them needs


@dataclass(frozen=True, eq=False)
class Job:
    """A clip to be made."""

    piece: Piece
    kind: str
    name: str  # of its file
    params: dict[str, Any]
    make: Callable[[Path], None]  # writes the file, complete or not at all
    sound: bool  # see `ClipEntry`
    split: Split | None = None  # if not the piece's

    @property
    def path(self) -> str:
        """Relative to the output folder."""
        return f"{CLIPS}/{self.kind}/{self.name}"


@dataclass(frozen=True, eq=False)
class Workshop:
    """Footage, the output folder, and pieces that are at hand."""

    data: Path
    out: Path
    people: tuple[str, ...] = field(default=())  # in order: they get speeches in turn

    def real_job(self, piece: Piece) -> Job:
        """The piece as it was recorded."""
        params = {} if piece.start_s is None else {"start_s": piece.start_s}
        make = partial(write_real, piece)
        return Job(piece, "real", real_name(piece), params, make, piece.own_sound)

    def real(self, piece: Piece) -> Path:
        """The real clip; made now if it is not there."""
        job = self.real_job(piece)
        path = self.out / job.path
        if not path.is_file():
            make_clip(job, self)
        return path

    def target(self, piece: Piece) -> EditTarget:
        """The real clip, opened for editing; that of the last piece is kept."""
        return _open(self.real(piece))

    def turn(self, piece: Piece) -> int:
        """Number that chooses a speech: other people, and other pieces, get another one."""
        return self.people.index(piece.person) + piece.index

    def work(self, name: str) -> Path:
        """A folder for models and the like, made if it is not there."""
        folder = self.out / WORK / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@lru_cache(maxsize=1)
def _open(path: Path) -> EditTarget:
    return EditTarget(path)


def make_clip(job: Job, shop: Workshop) -> ClipEntry:
    """Make one clip and describe it.

    Raises:
        Exception: whatever goes wrong.
    """
    path = shop.out / job.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        job.make(path)
    return replace(_describe(job, shop), seconds=round(float(media.probe(path).duration), 3))


def make_all(jobs: Iterable[Job], shop: Workshop, manifest: Manifest) -> int:
    """Make what the manifest lacks; failures are recorded, and the rest goes on.

    Returns:
        The number of clips that failed.
    """
    made, failures = set(manifest.made()), 0
    for job in jobs:
        if job.path in made:
            continue
        try:
            entry = make_clip(job, shop)
        except Exception as error:
            failures += 1
            if not isinstance(error, LipsyncError):  # a bug: where it is
                traceback.print_exc()
            why = " ".join(f"{type(error).__name__}: {error}".split())
            entry = replace(_describe(job, shop), sound=False, failed=why)
        manifest.record(entry)
        print(f"{job.path}: {entry.failed or f'{entry.seconds:.2f} s'}", flush=True)
    return failures


def _describe(job: Job, shop: Workshop) -> ClipEntry:
    piece = job.piece
    source = piece.source.relative_to(shop.data).as_posix()
    split = job.split or piece.split
    return ClipEntry(
        job.path, source, piece.person, piece.corpus, split, job.kind, job.params, 0.0, job.sound
    )
