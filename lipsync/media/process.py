"""The ffmpeg binary and its life as a child process."""

from __future__ import annotations

import collections
import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from functools import lru_cache
from types import TracebackType
from typing import IO, Any

import numpy as np

from lipsync.errors import MediaError
from lipsync.types import U8

PIPE_BYTES = 1 << 20  # one system call per frame instead of one per 64 kB, where the system allows


@lru_cache(maxsize=1)
def binary() -> str:
    """The ffmpeg to run: LIPSYNC_FFMPEG where it is set, else the one imageio-ffmpeg brings.

    Raises:
        MediaError: there is none.
    """
    chosen = os.environ.get("LIPSYNC_FFMPEG")
    if chosen:
        return chosen
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MediaError("no ffmpeg was found: install one and set LIPSYNC_FFMPEG to it") from error


def url(path: os.PathLike[str]) -> str:
    """A path as ffmpeg must be given it: never an option, a protocol or a pattern."""
    return "file:" + os.fspath(path)


class Process:
    """ffmpeg at work: its pipes, and the last lines it complained with.

    Leaving the context ends it, gently after success and at once after an exception.
    """

    def __init__(self, graph: Any, *, feed: bool = False) -> None:
        """Start the ffmpeg-python `graph`; `feed`: it reads from our pipe instead of writing."""
        command = graph.global_args("-hide_banner", "-nostdin", "-loglevel", "error").compile(
            cmd=binary(), overwrite_output=True
        )
        try:
            self._popen = subprocess.Popen(  # noqa: S603  (a list, no shell)
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # Ctrl-C is ours to handle: ffmpeg would end the file as if it were whole.
                start_new_session=True,
            )
        except OSError as error:
            raise MediaError(
                f"ffmpeg cannot be run ({binary()}: {error.strerror}): see LIPSYNC_FFMPEG"
            ) from error
        pipe = self._popen.stdin if feed else self._popen.stdout
        assert pipe is not None  # noqa: S101  (asked for above)
        self.pipe: IO[bytes] = pipe
        self._widen()
        self._complaints: collections.deque[str] = collections.deque(maxlen=20)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _widen(self) -> None:
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def _listen(self) -> None:
        assert self._popen.stderr is not None  # noqa: S101
        for line in self._popen.stderr:
            text = line.decode("utf-8", "replace").strip()
            if text:
                self._complaints.append(text)

    def fill(self, buffer: memoryview) -> bool:
        """Read until `buffer` is full; False if the output ended before that."""
        done = 0
        while done < len(buffer):
            got: int | None = self.pipe.readinto(buffer[done:])  # type: ignore[attr-defined]
            if not got:
                return False
            done += got
        return True

    def chunks(self, size: int = PIPE_BYTES) -> Iterator[bytes]:
        """What it writes, piece by piece."""
        while piece := self.pipe.read(size):
            yield piece

    def feed(self, frame: U8) -> bool:
        """Write all of an array to it; False if it has ended, and `complaint` tells why."""
        data = np.ascontiguousarray(frame).data.cast("B")
        done = 0
        try:
            while done < len(data):
                done += self.pipe.write(data[done:])
        except BrokenPipeError:
            return False
        return True

    def finish(self) -> int:
        """Close the pipe, wait for the end and return the exit code."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.close()
        code = self._popen.wait()
        self._listener.join()
        return code

    @property
    def complaint(self) -> str:
        """The line that says best what went wrong; empty if it said nothing."""
        lines = [text.split("] ", 1)[-1] for text in self._complaints]
        for known in ("No space left on device", "File too large", "Disk quota exceeded"):
            if any(known in text for text in lines):
                return known
        return lines[0] if lines else ""

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self.finish()
        if self._popen.stderr is not None:
            self._popen.stderr.close()
