"""Reading from a pipe without waiting for it without end, on systems of both kinds."""

from __future__ import annotations

import os
import queue
import select
import threading

PIECE = 1 << 20  # bytes
AHEAD = 4  # pieces that are read before they are asked for, where a thread reads


class SelectedPipe:
    """A pipe of a system that tells when there is something in it."""

    def __init__(self, source: int) -> None:
        """Read from a handle, which is closed in the end."""
        self._source = source

    def next(self, seconds: float, late: bool) -> bytes | None:
        """The next bytes; empty: it has ended; None: nothing has come in so many seconds.

        Args:
            late: somebody should have opened its other end by now.

        Raises:
            BrokenPipeError: it is late, and nobody has.
            OSError: it cannot be read.
        """
        ready, _, _ = select.select([self._source], [], [], seconds)
        if not ready and (not late or os.get_blocking(self._source)):
            return None
        try:
            piece = os.read(self._source, PIECE)
        except BlockingIOError:  # somebody will write
            return None
        if not piece and not ready:
            raise BrokenPipeError
        return piece

    def close(self) -> None:
        """Let it go."""
        os.close(self._source)


class ThreadedPipe:
    """A pipe of a system that does not tell, as Windows: a thread waits for it."""

    def __init__(self, source: int) -> None:
        """Read from a handle, which is closed at its end."""
        self._source = source
        self._pieces: queue.Queue[bytes | OSError] = queue.Queue(AHEAD)
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, seconds: float, late: bool) -> bytes | None:
        """As of `SelectedPipe`; whether somebody writes is not known."""
        try:
            piece = self._pieces.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(piece, OSError):
            raise piece
        return piece

    def close(self) -> None:
        """Let it go; the thread may go on waiting."""

    def _read(self) -> None:
        try:
            piece = b"."
            while piece:
                piece = os.read(self._source, PIECE)
                self._pieces.put(piece)
        except BrokenPipeError:  # how Windows says that it has ended
            self._pieces.put(b"")
        except OSError as error:
            self._pieces.put(error)
        os.close(self._source)


def open_pipe(source: int) -> SelectedPipe | ThreadedPipe:
    """What reads from a handle on this system."""
    return ThreadedPipe(source) if os.name == "nt" else SelectedPipe(source)
