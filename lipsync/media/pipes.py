"""Inputs that are pipes: read once, into temporary files that every stage can read again.

A render reads its inputs several times, and from the middle; what comes out of `<(…)`, a FIFO or
standard input can be read once.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from lipsync.errors import LipsyncError, MediaError
from lipsync.media.container import describe_missing
from lipsync.media.pipe_reading import PIECE, SelectedPipe, ThreadedPipe, open_pipe
from lipsync.runtime.locked_folder import temporary_folder

FIRST_S = 10.0  # seconds to wait for somebody who writes to a pipe
IDLE_S = 300.0  # seconds to wait for the next byte of somebody who does: speech may be synthesized
KEPT_FREE = 256 << 20  # bytes of the disk that an endless pipe leaves
CHECK_EVERY = 64  # pieces
_ON_STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")


class PipedInputs:
    """A context in which inputs that are pipes can be read as files."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._taken: dict[tuple[int, int], Path] = {}  # by device and inode
        self._names: dict[str, str] = {}  # temporary file → what the user calls it

    def __enter__(self) -> PipedInputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stack.close()
        if isinstance(error, LipsyncError):
            error.args = tuple(self.rename(a) if isinstance(a, str) else a for a in error.args)

    def rename(self, line: str) -> str:
        """A message with pipes by the names that the user gave."""
        for temporary, name in self._names.items():
            line = line.replace(temporary, name)
        return line

    def take(self, path: Path) -> Path:
        """The file to read in place of `path`: itself, if it is one.

        Raises:
            MediaError: nobody writes to the pipe, it is empty, or does not fit on the disk; the
                path is a device or a URL.
        """
        given = Path("/dev/stdin") if str(path) == "-" else path
        try:
            # Windows has no name for standard input.
            status = os.fstat(0) if _is_stdin(given) and not given.exists() else given.stat()
        except FileNotFoundError:
            raise describe_missing(path) from None
        except OSError:
            return path  # opening it will tell
        mode = status.st_mode
        if stat.S_ISREG(mode):
            return _as_lasting(given) or self._spool(given, path, status)
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return self._spool(given, path, status)
        if stat.S_ISDIR(mode):
            return path
        raise MediaError(f"{path}: is a device, as a terminal, and not a file")

    def is_taken(self, path: Path) -> bool:
        """Whether a file is what came out of a pipe."""
        return str(path) in self._names

    def _spool(self, given: Path, path: Path, status: os.stat_result) -> Path:
        key = status.st_dev, status.st_ino
        if key not in self._taken:
            folder = self._stack.enter_context(temporary_folder("lipsync-pipe-"))
            name = "stdin" if str(path) == "-" else path.name
            self._taken[key] = folder / name
            self._names[str(self._taken[key])] = str(path)
            _copy(given, path, self._taken[key])
        return self._taken[key]


def _as_lasting(path: Path) -> Path | None:
    """A regular file by a name that other processes have for it too; None: it has none.

    Names in /dev and /proc mean something else to ffmpeg, which has its own standard input.
    """
    if not path.is_relative_to("/dev") and not path.is_relative_to("/proc"):
        return path
    real = Path(os.path.realpath(path))
    return real if real.is_file() and real.samefile(path) else None


def _copy(given: Path, path: Path, place: Path) -> None:
    """Copy all that comes out of a pipe into a file.

    Raises:
        MediaError: see `PipedInputs.take`.
    """
    written = 0
    try:
        source = open_pipe(_open(given))
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        with place.open("wb") as file:
            while piece := _next_piece(source, path, bool(written)):
                file.write(piece)
                written += len(piece)
                if written // PIECE % CHECK_EVERY == CHECK_EVERY - 1:
                    file.flush()
                    if shutil.disk_usage(place.parent).free < KEPT_FREE:
                        raise _does_not_fit(path, place, written, "the disk is nearly full")
    except OSError as error:
        why = str(error.strerror or error)
        raise _does_not_fit(path, place, written, why) from None
    finally:
        source.close()
    if not written:
        raise MediaError(f"{path}: is a pipe, and nothing came out of it")


def _open(path: Path) -> int:
    try:
        # Opening a FIFO would wait for a writer, without end.
        return os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        if _is_stdin(path):  # a socket has no name by which it can be opened
            return os.dup(0)
        raise


def _is_stdin(path: Path) -> bool:
    return path.as_posix() in _ON_STDIN


def _next_piece(source: SelectedPipe | ThreadedPipe, path: Path, begun: bool) -> bytes:
    """The next bytes; empty at the end.

    Raises:
        MediaError: nobody writes to it, or nothing more comes.
    """
    waited_from = time.monotonic()
    while True:
        late = not begun and time.monotonic() - waited_from > FIRST_S
        try:
            piece = source.next(1.0, late)
        except BrokenPipeError:
            raise MediaError(f"{path}: is a pipe that nobody writes to; give a file") from None
        if piece is not None:
            return piece
        if time.monotonic() - waited_from > IDLE_S:
            raise MediaError(f"{path}: is a pipe, and nothing came out of it for {IDLE_S:.0f} s")


def _does_not_fit(path: Path, place: Path, written: int, why: str) -> MediaError:
    return MediaError(
        f"{path}: is a pipe that does not fit into {place.parent.parent} "
        f"({why}, after {written / 1e6:.0f} MB); give a file, or set TMPDIR"
    )
