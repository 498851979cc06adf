"""The ffmpeg binary and its life as a child process."""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import TracebackType
from typing import IO, Any

import numpy as np

from lipsync.errors import MediaError
from lipsync.types import U8

# What the filter `metadata=print` says of every picture that passes it; see `stamped`.
_STAMP = re.compile(rb"frame:\d+\s+pts:(-?\d+)\s+pts_time:")
_TORN = b"corrupt decoded frame"

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


def stamped(video: Any) -> Any:
    """Pictures of a graph whose time stamps come out beside them: see `Process.stamp`."""
    marked = video.filter("metadata", mode="add", key="n", value="0")
    return marked.filter("metadata", mode="print", file="pipe:2", direct=1)


class Process:
    """ffmpeg at work: its pipes, and the last lines it complained with.

    Leaving the context ends it, gently after success and at once after an exception.
    """

    def __init__(
        self, graph: Any, *, feed: bool = False, onward: Callable[[bytes], object] | None = None
    ) -> None:
        """Start an ffmpeg-python `graph`, or ffmpeg with a list of arguments.

        Args:
            feed: it reads from our pipe instead of writing to it.
            onward: with `feed`, is given what it writes to its own output, from another thread.
        """
        # "repeat": every line by itself. Of warnings only those about torn pictures are kept.
        level = ("-hide_banner", "-nostdin", "-loglevel", "repeat+level+warning", "-y")
        arguments = graph if isinstance(graph, list) else graph.get_args()
        command = [binary(), *level, *arguments]
        try:
            self._popen = subprocess.Popen(  # noqa: S603  (a list, no shell)
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if feed and not onward else subprocess.PIPE,
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
        # Seconds for the threads to end; whom the bytes go to may never take them (a full pipe).
        self._patience: float | None = None
        self.torn = 0  # pictures that could be decoded only in part
        self._complaints: collections.deque[str] = collections.deque(maxlen=20)
        self._stamps: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        if onward:
            self._threads.append(threading.Thread(target=self._pass, args=(onward,), daemon=True))
        for thread in self._threads:
            thread.start()

    def _widen(self) -> None:
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def _listen(self) -> None:
        assert self._popen.stderr is not None  # noqa: S101
        for line in self._popen.stderr:
            stamp = _STAMP.search(line)
            self.torn += _TORN in line
            if stamp:
                self._stamps.put(int(stamp[1]))
            elif b"[error]" in line or b"[fatal]" in line or b"[panic]" in line:
                text = line.decode("utf-8", "replace").strip()
                self._complaints.append(re.sub(r"^(\[[^]]*\] )+", "", text))
        self._stamps.put(None)

    def _pass(self, onward: Callable[[bytes], object]) -> None:
        """Give away what it writes; where nobody takes it any more, it is ended."""
        assert self._popen.stdout is not None  # noqa: S101
        try:
            while piece := self._popen.stdout.read(PIPE_BYTES):
                onward(piece)
        except (OSError, ValueError) as error:  # ValueError: closed under us after a failure
            self._complaints.append(str(getattr(error, "strerror", None) or error))
            self._popen.kill()

    def stamp(self) -> int | None:
        """The time stamp of the next picture of a graph that is `stamped`; None: it has ended.

        To be asked after the picture itself has come: ffmpeg tells the stamp before it.
        """
        return self._stamps.get()

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
        for thread in self._threads:
            thread.join(self._patience)
        return code

    @property
    def complaint(self) -> str:
        """The line that says best what went wrong; empty if it said nothing."""
        for known in ("No space left on device", "File too large", "Disk quota exceeded"):
            if any(known in text for text in self._complaints):
                return known
        return self._complaints[0] if self._complaints else ""

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
            self._patience = 1.0
        self.finish()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
