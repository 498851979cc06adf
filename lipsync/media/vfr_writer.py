"""Frames with individual timestamps, piped to ffmpeg."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from fractions import Fraction
from types import TracebackType
from typing import Any

import av
import numpy as np

from lipsync.media.ffmpeg_process import FfmpegProcess
from lipsync.types import U8, VideoInfo


def timescale(info: VideoInfo) -> int:
    """Ticks per second in which every timestamp of a video is an integer.

    Raises:
        ValueError: `info` has no timestamps.
    """
    if info.stamps is None:
        raise ValueError("timescale: wanted a video with stamps")
    scale = math.lcm(*{stamp.denominator for stamp in info.stamps})
    # The last frame's duration and the sound's start use this unit too: at most 1 ms.
    return scale * -(-1000 // scale)


class VfrProcess(FfmpegProcess):
    """ffmpeg fed with timestamped frames: raw pictures in NUT, a streamable container."""

    def __init__(
        self,
        arguments: list[str],
        info: VideoInfo,
        *,
        sink: Callable[[bytes], object] | None = None,
        scale: int | None = None,
        pixel_format: str = "rgb24",
    ) -> None:
        """`info`: with `stamps`; the k-th frame fed is shown at the k-th of them.

        Args:
            pixel_format: of the frames, in ffmpeg's names.
            scale: ticks per second; None: as few as the stamps need.
        """
        super().__init__(arguments, feed=True, sink=sink)
        scale = scale or timescale(info)
        self._tick = Fraction(1, scale)
        self._ticks = [int(stamp * scale) for stamp in info.stamps or ()]
        self._fed, self._open = 0, True
        self._nut: Any = av.open(_Pipe(self), "w", format="nut")
        self._stream = self._nut.add_stream("rawvideo", rate=info.fps)
        self._stream.width, self._stream.height = info.width, info.height
        self._stream.pix_fmt = pixel_format
        self._stream.time_base = self._tick

    def feed(self, frame: U8) -> bool:
        """Write the next frame; False if ffmpeg has ended, see `error_line`."""
        packet = av.Packet(np.ascontiguousarray(frame).tobytes())
        packet.stream, packet.time_base = self._stream, self._tick
        packet.pts = packet.dts = self._ticks[self._fed]
        packet.is_keyframe = True
        self._nut.mux(packet)
        self._fed += 1
        return self._open

    def push(self, data: bytes) -> None:
        """Write bytes of the container to ffmpeg until it ends."""
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
    """The part of the file interface that a muxer needs."""

    def __init__(self, process: VfrProcess) -> None:
        self._process = process

    def write(self, data: bytes) -> int:
        self._process.push(bytes(data))
        return len(data)
