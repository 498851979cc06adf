"""Display times of a stream's pictures, from its packets or by decoding."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.container import open_container
from lipsync.types import I64

STILL_FPS = Fraction(25)

# Codecs in which every packet is one displayed picture, so that counting needs no decoding. VP8 has
# hidden reference pictures, MPEG-4 may pack two into a packet: those are decoded once.
_PACKET_IS_PICTURE = frozenset(
    ("h264", "hevc", "vvc", "av1", "vp9", "mjpeg", "prores", "dnxhd", "ffv1", "rawvideo", "png")
)
# Where a clock goes back by more than BACK_S, or in a broadcast container ahead by more than
# AHEAD_S, it was started again, and is read on from where it was, as ffmpeg does.
BACK_S, AHEAD_S = 0.1, 10.0
# Containers whose timestamps ffmpeg and PyAV report alike, to the tick.
_EXACT_TIMESTAMPS = ("mov,mp4", "matroska,webm", "mpegts")


@dataclass(frozen=True, eq=False)
class StreamTimes:
    """Display times of a stream's pictures, in ticks."""

    ticks: I64  # (n,) ascending
    keys: I64  # which of them are keyframes
    end: int  # of the last
    has_timestamps: bool = False  # decoded pictures are identified by their timestamps
    interlaced: bool = False
    restarted: bool = False  # its clock starts again on the way; the ticks do not
    absent: int = 0  # pictures in the container's index that the file lacks

    @staticmethod
    def of(stamps: list[int], keys: list[bool], end: int) -> StreamTimes:
        """Sort timestamps into display order."""
        order = np.argsort(np.array(stamps, dtype=np.int64), kind="stable")
        ticks = np.array(stamps, dtype=np.int64)[order]
        return StreamTimes(ticks, np.flatnonzero(np.array(keys)[order]), end)


def scan_stream(container: Any, video: Any, path: Path) -> tuple[Any, StreamTimes]:
    """The first picture, and the display times of all: from the packets where possible.

    Raises:
        MediaError: no picture can be decoded.
    """
    video.thread_type = "AUTO"
    first = None
    stamps: list[int | None] = []
    decoded_at: list[int | None] = []
    lengths: list[int] = []
    keys: list[bool] = []
    packets = 0
    countable = video.codec_context.codec.canonical_name in _PACKET_IS_PICTURE
    try:
        for packet in container.demux(video):
            if first is None:
                with contextlib.suppress(av.FFmpegError):  # damaged: the next one may decode
                    first = next(iter(packet.decode()), None)
            packets += bool(packet.size)
            if packet.size and not packet.is_discard:
                stamps.append(packet.pts)
                decoded_at.append(packet.dts)
                lengths.append(packet.duration or 0)
                keys.append(packet.is_keyframe)
    except av.FFmpegError:
        countable = False
    if first is None:
        raise MediaError(f"{path}: no picture in it can be decoded")
    known = [s for s in stamps if s is not None]
    shift = None
    if len(known) == len(stamps) and None not in decoded_at:
        shift = _restart_shifts(container, decoded_at, lengths, Fraction(video.time_base))
    if shift is not None:
        known = [s + by for s, by in zip(known, shift, strict=True)]
    whole = len(set(known)) == len(stamps) > 0
    # Pictures before the first keyframe do not decode; nor does anything without a keyframe.
    if countable and whole and keys[0] and known[0] == min(known) and not first.interlaced_frame:
        end = max(s + length for s, length in zip(known, lengths, strict=True))
        times = StreamTimes.of(known, keys, end)
    else:
        times = _by_decoding(path, video)
    distinct = bool((np.diff(times.ticks) > 0).all())
    steady = shift is None and not times.restarted
    exact = container.format.name.startswith(_EXACT_TIMESTAMPS)
    has_timestamps = whole and distinct and steady and exact
    promised = int(video.frames) if container.format.name.startswith("mov,mp4") else 0
    return first, replace(times, has_timestamps=has_timestamps, absent=max(0, promised - packets))


def _restart_shifts(
    container: Any, stamps: list[Any], lengths: list[int], tick: Fraction
) -> list[int] | None:
    """What to add to every timestamp of a stream whose clock starts again; None: it never does.

    Args:
        stamps: in the order of the stream, which a steady clock makes ascending, in ticks.
        lengths: of the pictures; 0 where unknown.
    """
    times = np.array(stamps, np.int64)
    steps = np.diff(times) - np.array(lengths[:-1], np.int64)  # from the end of one picture
    broadcast = bool(container.format.flags & av.format.Flags.ts_discont.value)
    ahead = AHEAD_S / float(tick) if broadcast else np.inf
    restarts = (steps < -BACK_S / float(tick)) | (steps > ahead)
    if not restarts.any():
        return None
    return [0, *np.cumsum(np.where(restarts, -steps, 0)).tolist()]


def _by_decoding(path: Path, video: Any) -> StreamTimes:
    """Decode everything once: slow, but correct for every file."""
    stamps: list[int | None] = []
    lengths: list[int] = []
    keys: list[bool] = []
    interlaced_frames, shift = 0, None
    with open_container(path, MediaError) as container:
        stream = container.streams[video.index]
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            with contextlib.suppress(av.FFmpegError):  # damaged: continue after it
                for frame in packet.decode():
                    stamps.append(frame.pts)
                    keys.append(bool(frame.key_frame))
                    lengths.append(frame.duration or (lengths[-1] if lengths else 0))
                    interlaced_frames += bool(frame.interlaced_frame)
        if None not in stamps and stamps:
            shift = _restart_shifts(container, stamps, lengths, Fraction(stream.time_base))
    if not stamps:
        raise MediaError(f"{path}: no picture in it can be decoded")
    length, known = lengths[-1], [s for s in stamps if s is not None]
    if shift is not None:
        known = [s + by for s, by in zip(known, shift, strict=True)]
    # A raw stream has no timestamps: use the rate that the codec declares, since ffmpeg's average
    # rate is then 25.
    if len(known) < len(stamps):
        rate = video.guessed_rate or video.average_rate or STILL_FPS
        step = 1 / (Fraction(rate) * Fraction(video.time_base))
        known = [round(i * step) for i in range(len(stamps))]
        length = round(step)
    # Decoders output pictures in display order.
    known = [int(t) for t in np.maximum.accumulate(known)]
    return replace(
        StreamTimes.of(known, keys, known[-1] + length),
        interlaced=interlaced_frames > len(stamps) // 10,
        restarted=shift is not None,
    )
