"""What killed processes left behind: found, told from what is still being written, removed.

Whoever writes a temporary file or folder of ours holds a lock on it from its first moment
(`lock_new`), which ends with the process. A leftover is one whose lock is free. Where others than
its maker may write to it, nobody must have touched it for a while either.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lipsync.runtime.path_lock import PathLock

# Signed files take the place of locked ones, and earlier versions locked nothing: their files are
# leftovers when nobody has written to them for so long.
UNTOUCHED_S = 600.0
# Where the file system knows no locks, only age tells.
UNLOCKABLE_S = 86400.0
# As `atomic` names them: a dot, the output's name, eight digits, .part and the output's suffix.
TEMPORARY_OUTPUT = re.compile(r"\..{1,100}\.[0-9a-f]{8}\.part(\.\w{1,12})?", re.DOTALL)
FORMER_OUTPUT = re.compile(r"\.(?P<name>.{1,100})\.[0-9a-f]{8}\.old", re.DOTALL)


@contextmanager
def _hold_if_abandoned(path: Path, least_age_s: float) -> Iterator[bool]:
    """Whether the owner of a temporary file or folder is gone, to all that can be known.

    Its lock is held meanwhile: who has just made it sees that it is lost, and makes another.
    """
    age = time.time() - _last_touched(path)
    lock, abandoned = None, age >= least_age_s
    if abandoned:
        try:
            lock = PathLock(path, exclusive=True)
        except BlockingIOError:
            abandoned = False
        except OSError:
            abandoned = age >= UNLOCKABLE_S
    try:
        yield abandoned
    finally:
        if lock is not None:
            lock.release()


def sweep(paths: Iterator[Path], least_age_s: float = 0.0) -> int:
    """Remove those of some temporary files and folders that are abandoned; their bytes."""
    freed = 0
    for path in paths:
        with _hold_if_abandoned(path, least_age_s) as abandoned:
            if abandoned:
                freed += size_of(path)
                remove(path)
    return freed


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as it lets itself be removed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def size_of(path: Path) -> int:
    """Bytes in a file or in all files of a folder; what vanishes meanwhile does not count."""
    total = 0
    for file in _with_content(path):
        with contextlib.suppress(OSError):
            total += file.lstat().st_size if not file.is_dir() else 0
    return total


def list_matching(folder: Path, wanted: Callable[[str], object]) -> Iterator[Path]:
    """Paths in a folder whose names are wanted; none where it cannot be read."""
    with contextlib.suppress(OSError):
        yield from [path for path in folder.iterdir() if wanted(path.name)]


def sweep_outputs(folder: Path) -> None:
    """Remove abandoned temporary outputs of ours from a folder of outputs.

    A folder of frames that was put aside while another took its place goes too, but only if the
    other is there.
    """
    sweep(list_matching(folder, TEMPORARY_OUTPUT.fullmatch), UNTOUCHED_S)
    for former in list(list_matching(folder, FORMER_OUTPUT.fullmatch)):
        found = FORMER_OUTPUT.fullmatch(former.name)
        if found and (folder / found["name"]).exists():
            sweep(iter([former]), UNTOUCHED_S)


def sweep_earlier(folder: Path, name: str, suffix: str = "") -> None:
    """Remove what killed processes left of one output, which nobody else is to write now.

    Args:
        name: as in the names of its temporary files: `.NAME.xxxxxxxx.partSUFFIX`.
    """
    # Signing makes a temporary file of a temporary file.
    own = re.compile(
        rf"\.{{1,2}}{re.escape(name)}(\.[0-9a-f]{{8}}\.part){{1,2}}{re.escape(suffix)}"
    )
    sweep(list_matching(folder, own.fullmatch))


def _last_touched(path: Path) -> float:
    """When anything in it was last written, seconds; now, if that cannot be told."""
    newest = 0.0
    for file in _with_content(path):
        with contextlib.suppress(OSError):
            newest = max(newest, file.lstat().st_mtime)
    return newest or time.time()


def _with_content(path: Path) -> Iterator[Path]:
    yield path
    if path.is_dir() and not path.is_symlink():
        with contextlib.suppress(OSError):
            yield from path.rglob("*")
