"""Frames to ffmpeg, each with its own time stamp."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from fractions import Fraction
from types import TracebackType
from typing import Any

import av
import numpy as np

from lipsync.media.ffmpeg_process import Process
from lipsync.types import U8, VideoInfo


def timescale(info: VideoInfo) -> int:
    """Ticks per second in which every stamp of a video is a whole number.

    Raises:
        ValueError: `info` has no stamps.
    """
    if info.stamps is None:
        raise ValueError("timescale: wanted a video with stamps")
    scale = math.lcm(*{stamp.denominator for stamp in info.stamps})
    # Players read the last frame's length and the sound's start in it too: none coarser than 1 ms.
    return scale * -(-1000 // scale)


class StampedProcess(Process):
    """ffmpeg fed with frames that carry their time: raw pictures in NUT, a stream container."""

    def __init__(
        self,
        arguments: list[str],
        info: VideoInfo,
        *,
        onward: Callable[[bytes], object] | None = None,
    ) -> None:
        """`info`: with `stamps`; the k-th frame fed is shown at the k-th."""
        super().__init__(arguments, feed=True, onward=onward)
        scale = timescale(info)
        self._tick = Fraction(1, scale)
        self._ticks = [int(stamp * scale) for stamp in info.stamps or ()]
        self._fed, self._open = 0, True
        self._nut: Any = av.open(_Pipe(self), "w", format="nut")
        self._stream = self._nut.add_stream("rawvideo", rate=info.fps)
        self._stream.width, self._stream.height = info.width, info.height
        self._stream.pix_fmt = "rgb24"
        self._stream.time_base = self._tick

    def feed(self, frame: U8) -> bool:
        """Write the next frame; False if ffmpeg has ended, and `complaint` tells why."""
        packet = av.Packet(np.ascontiguousarray(frame).tobytes())
        packet.stream, packet.time_base = self._stream, self._tick
        packet.pts = packet.dts = self._ticks[self._fed]
        packet.is_keyframe = True
        self._nut.mux(packet)
        self._fed += 1
        return self._open

    def push(self, data: bytes) -> None:
        """The container's bytes on to ffmpeg, for as long as it takes them."""
        if self._open:
            self._open = super().feed(np.frombuffer(data, np.uint8))

    def finish(self) -> int:
        """Close the stream and the pipe, wait for the end and return the exit code."""
        self._end()
        return super().finish()

    def _end(self) -> None:
        if self._nut is not None:
            nut, self._nut = self._nut, None
            with contextlib.suppress(av.FFmpegError):
                nut.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._open = self._open and kind is None
        super().__exit__(kind, error, _)


class _Pipe:
    """The little of a file that a muxer needs."""

    def __init__(self, process: StampedProcess) -> None:
        self._process = process

    def write(self, data: bytes) -> int:
        self._process.push(bytes(data))
        return len(data)
