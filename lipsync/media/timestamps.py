"""When the pictures of a video stream are shown, from its packets or by decoding it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.container import container_of
from lipsync.types import I64

STILL_FPS = Fraction(25)

# Codecs whose every packet is one shown picture, so that counting needs no decoding. VP8 hides
# reference pictures, MPEG-4 packs two into one packet: those are decoded once to be counted.
_PACKET_IS_PICTURE = frozenset(
    ("h264", "hevc", "vvc", "av1", "vp9", "mjpeg", "prores", "dnxhd", "ffv1", "rawvideo", "png")
)
# Containers whose time stamps ffmpeg and PyAV read alike, to the tick.
_STAMPED = ("mov,mp4", "matroska,webm", "mpegts")


@dataclass(frozen=True, eq=False)
class Times:
    """When the pictures of a stream are shown, in ticks."""

    ticks: I64  # (n,) ascending
    keys: I64  # which of them decode by themselves
    end: int  # of the last
    stamped: bool = False  # a decoded picture is known by its time stamp
    interlaced: bool = False
    absent: int = 0  # pictures that the container's index promises and the file does not hold

    @staticmethod
    def of(stamps: list[int], keys: list[bool], end: int) -> Times:
        """Put stamps, in any order, into that of showing."""
        order = np.argsort(np.array(stamps, dtype=np.int64), kind="stable")
        ticks = np.array(stamps, dtype=np.int64)[order]
        return Times(ticks, np.flatnonzero(np.array(keys)[order]), end)


def scan(container: Any, video: Any, path: Path) -> tuple[Any, Times]:
    """The first picture, and the times of all of them: from the packets, where they tell.

    Raises:
        MediaError: no picture can be decoded.
    """
    video.thread_type = "AUTO"
    first = None
    stamps: list[int | None] = []
    keys: list[bool] = []
    end, packets = 0, 0
    countable = video.codec_context.codec.canonical_name in _PACKET_IS_PICTURE
    try:
        for packet in container.demux(video):
            if first is None:
                with contextlib.suppress(av.FFmpegError):  # damage: the next may do
                    first = next(iter(packet.decode()), None)
            packets += bool(packet.size)
            if packet.size and not packet.is_discard:
                stamps.append(packet.pts)
                keys.append(packet.is_keyframe)
                end = max(end, (packet.pts or 0) + (packet.duration or 0))
    except av.FFmpegError:
        countable = False
    if first is None:
        raise MediaError(f"{path}: no picture in it can be decoded")
    known = [s for s in stamps if s is not None]
    whole = len(set(known)) == len(stamps) > 0
    # Pictures before the first key picture, or none to start from: not all of them decode.
    if countable and whole and keys[0] and known[0] == min(known) and not first.interlaced_frame:
        times = Times.of(known, keys, end)
    else:
        times = _by_decoding(path, video)
    distinct = bool((np.diff(times.ticks) > 0).all())
    stamped = whole and distinct and container.format.name.startswith(_STAMPED)
    promised = int(video.frames) if container.format.name.startswith("mov,mp4") else 0
    return first, replace(times, stamped=stamped, absent=max(0, promised - packets))


def _by_decoding(path: Path, video: Any) -> Times:
    """Decode everything once: slow, and right for every file."""
    stamps: list[int | None] = []
    keys: list[bool] = []
    length, woven = 0, 0
    with container_of(path, MediaError) as container:
        stream = container.streams[video.index]
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            with contextlib.suppress(av.FFmpegError):  # damage: go on behind it
                for frame in packet.decode():
                    stamps.append(frame.pts)
                    keys.append(bool(frame.key_frame))
                    length = frame.duration or length
                    woven += bool(frame.interlaced_frame)
    if not stamps:
        raise MediaError(f"{path}: no picture in it can be decoded")
    known = [s for s in stamps if s is not None]
    # A bare stream: pictures follow each other at the rate that the codec declares; for the average
    # ffmpeg takes 25 where there are no time stamps.
    if len(known) < len(stamps):
        rate = video.guessed_rate or video.average_rate or STILL_FPS
        step = 1 / (Fraction(rate) * Fraction(video.time_base))
        known = [round(i * step) for i in range(len(stamps))]
        length = round(step)
    # Decoders give pictures in the order in which they are shown.
    known = [int(t) for t in np.maximum.accumulate(known)]
    return replace(Times.of(known, keys, known[-1] + length), interlaced=woven > len(stamps) // 10)
