"""What operating systems call differently, or lack: cores, pipes that broke, files, processes."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def count_cores() -> int:
    """Cores that this process may use; where nobody can tell, those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def apart_from_terminal() -> dict[str, Any]:
    """Arguments of `subprocess.Popen` for a process that Ctrl-C does not reach."""
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    return {"start_new_session": True}


@contextmanager
def broken_pipes_ignored() -> Iterator[None]:
    """Go on behind the block when the process at the other end of a pipe is gone."""
    try:
        yield
    except OSError as error:
        if not is_broken_pipe(error):
            raise


def is_broken_pipe(error: OSError) -> bool:
    """Whether nobody reads any more what was written to a pipe.

    Windows says so in two ways: the second is "invalid argument".
    """
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def create_file(path: Path, mode: int = 0o666) -> int:
    """The handle of a new file, which takes bytes as they are.

    Args:
        mode: who may read and write it, where the system knows that.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be made.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, mode)


def name_if_free(temporary: Path, place: Path) -> None:
    """Give a complete file a second name, unless another process was faster.

    Where files have but one name (FAT, some network disks), it loses the first.

    Raises:
        OSError: it cannot have that name.
    """
    try:
        os.link(temporary, place)
    except FileExistsError:
        pass
    except OSError:
        if not place.exists():
            temporary.rename(place)
