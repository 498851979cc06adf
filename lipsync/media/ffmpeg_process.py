"""The ffmpeg binary as a child process."""

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
from lipsync.runtime.portable import apart_from_terminal, broken_pipes_ignored, is_broken_pipe
from lipsync.types import U8

# What the filter `metadata=print` prints for every picture; see `with_timestamps`.
_TIMESTAMP = re.compile(rb"frame:\d+\s+pts:(-?\d+)\s+pts_time:")
_PARTLY_DECODED = b"corrupt decoded frame"

PIPE_BYTES = 1 << 20  # fewer system calls than with 64 kB, where the system allows it


@lru_cache(maxsize=1)
def ffmpeg_binary() -> str:
    """The ffmpeg to run: LIPSYNC_FFMPEG if set, else the one of imageio-ffmpeg.

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


class _FileUrl(str):
    """The URL of a file whose name may be no text: as an argument it keeps the name's bytes."""

    __slots__ = ()

    def __str__(self) -> str:  # ffmpeg-python hashes this as UTF-8
        return self.encode("utf-8", "backslashreplace").decode()


def url(path: os.PathLike[str]) -> str:
    """A path in the form that ffmpeg takes for no option, protocol or pattern."""
    return _FileUrl("file:" + os.fspath(path))


def with_timestamps(video: Any) -> Any:
    """A graph's pictures, with their timestamps on stderr: see `FfmpegProcess.next_timestamp`."""
    numbered = video.filter("metadata", mode="add", key="n", value="0")
    return numbered.filter("metadata", mode="print", file="pipe:2", direct=1)


class FfmpegProcess:
    """A running ffmpeg: its pipes and its last error messages.

    Leaving the context waits for its end, or kills it after an exception.
    """

    def __init__(
        self, graph: Any, *, feed: bool = False, sink: Callable[[bytes], object] | None = None
    ) -> None:
        """Start an ffmpeg-python `graph`, or ffmpeg with a list of arguments.

        Args:
            feed: it reads from our pipe instead of writing to one.
            sink: with `feed`, receives what it writes to its own output, from another thread.
        """
        # "repeat": no summary of repeated lines. Of warnings only those on damaged pictures matter.
        level = ("-hide_banner", "-nostdin", "-loglevel", "repeat+level+warning", "-y")
        arguments = graph if isinstance(graph, list) else graph.get_args()
        command = [ffmpeg_binary(), *level, *arguments]
        try:
            self._popen = subprocess.Popen(  # noqa: S603  (a list, no shell)
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if feed and not sink else subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # Ctrl-C is handled here: ffmpeg would finish the file as if it were complete.
                **apart_from_terminal(),
            )
        except OSError as error:
            raise MediaError(
                f"ffmpeg cannot be run ({ffmpeg_binary()}: {error.strerror}): see LIPSYNC_FFMPEG"
            ) from error
        pipe = self._popen.stdin if feed else self._popen.stdout
        assert pipe is not None  # noqa: S101  (asked for above)
        self.pipe: IO[bytes] = pipe
        self._enlarge_pipe()
        # Seconds to wait for the threads: the receiver may never take the bytes (a full pipe).
        self._patience: float | None = None
        self.partly_decoded = 0  # damaged pictures
        self._errors: collections.deque[str] = collections.deque(maxlen=20)
        self._timestamps: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._read_stderr, daemon=True)]
        if sink:
            self._threads.append(
                threading.Thread(target=self._forward_output, args=(sink,), daemon=True)
            )
        for thread in self._threads:
            thread.start()

    def _enlarge_pipe(self) -> None:
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def _read_stderr(self) -> None:
        assert self._popen.stderr is not None  # noqa: S101
        for line in self._popen.stderr:
            found = _TIMESTAMP.search(line)
            self.partly_decoded += _PARTLY_DECODED in line
            if found:
                self._timestamps.put(int(found[1]))
            elif b"[error]" in line or b"[fatal]" in line or b"[panic]" in line:
                text = line.decode("utf-8", "replace").strip()
                self._errors.append(re.sub(r"^(\[[^]]*\] )+", "", text))
        self._timestamps.put(None)

    def _forward_output(self, sink: Callable[[bytes], object]) -> None:
        """Pass on what it writes; kill it if the receiver fails."""
        assert self._popen.stdout is not None  # noqa: S101
        try:
            while piece := self._popen.stdout.read(PIPE_BYTES):
                sink(piece)
        except (OSError, ValueError) as error:  # ValueError: closed under us after a failure
            self._errors.append(str(getattr(error, "strerror", None) or error))
            self._popen.kill()

    def next_timestamp(self) -> int | None:
        """The timestamp of the next picture of a `with_timestamps` graph; None: it has ended.

        Call it after the picture has arrived: ffmpeg prints the timestamp first.
        """
        return self._timestamps.get()

    def read_into(self, buffer: memoryview) -> bool:
        """Fill `buffer`; False if the output ended before it was full."""
        done = 0
        while done < len(buffer):
            got: int | None = self.pipe.readinto(buffer[done:])  # type: ignore[attr-defined]
            if not got:
                return False
            done += got
        return True

    def chunks(self, size: int = PIPE_BYTES) -> Iterator[bytes]:
        """Its output in pieces."""
        while piece := self.pipe.read(size):
            yield piece

    def feed(self, frame: U8) -> bool:
        """Write a whole array to it; False if it has ended, see `error_line`."""
        data = np.ascontiguousarray(frame).data.cast("B")
        done = 0
        try:
            while done < len(data):
                done += self.pipe.write(data[done:])
        except OSError as error:
            if is_broken_pipe(error):
                return False
            raise
        return True

    def finish(self) -> int:
        """Close the pipe, wait for the process to end and return its exit code."""
        with broken_pipes_ignored():
            self.pipe.close()
        code = self._popen.wait()
        for thread in self._threads:
            thread.join(self._patience)
        return code

    @property
    def error_line(self) -> str:
        """The most informative error message; empty if there was none."""
        for known in ("No space left on device", "File too large", "Disk quota exceeded"):
            if any(known in text for text in self._errors):
                return known
        return self._errors[0] if self._errors else ""

    def __enter__(self) -> FfmpegProcess:
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
