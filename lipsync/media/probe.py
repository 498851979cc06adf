"""What a file holds, found without decoding it all."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.container import container_of, readable
from lipsync.media.rate import constant_rate, picture_of_frame
from lipsync.types import I64, U8, ColorTags, VideoInfo

STILL_FPS = Fraction(25)

# Codecs whose every packet is one shown picture, so that counting needs no decoding. VP8 hides
# reference pictures, MPEG-4 packs two into one packet: those are decoded once to be counted.
_PACKET_IS_PICTURE = frozenset(
    ("h264", "hevc", "vvc", "av1", "vp9", "mjpeg", "prores", "dnxhd", "ffv1", "rawvideo", "png")
)
# Containers with an index, in which ffmpeg finds an asked-for time stamp exactly.
_INDEXED = ("mov,mp4", "matroska,webm")

# ISO/IEC 23091-2 code points in ffmpeg's names.
# fmt: off
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc",
             10: "bt2020c"}
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film",
              9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}
_TRANSFERS = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear",
              11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10",
              15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}
_RANGES = {1: "tv", 2: "pc"}
# fmt: on

# What pictures without a YUV matrix (stills, GIF, RGB video) are written as.
_FROM_RGB = ColorTags("bt709", "bt709", "bt709", "tv")


@dataclass(frozen=True, eq=False)
class Source:
    """A video and what reading it takes."""

    info: VideoInfo
    stream: int  # index in the container
    pictures: I64  # (n,) time stamps of the decoded pictures in ticks, ascending
    keys: I64  # which of the pictures decode by themselves, ascending
    tick: Fraction  # seconds
    shown: I64  # (frames,) which picture each frame shows
    indexed: bool  # may be sought
    yuv: bool  # has a YUV → RGB matrix


@dataclass(frozen=True, eq=False)
class _Times:
    """When the pictures of a stream are shown, in ticks."""

    ticks: I64  # (n,) ascending
    keys: I64  # which of them decode by themselves
    end: int  # of the last

    @staticmethod
    def of(stamps: list[int], keys: list[bool], end: int) -> _Times:
        order = np.argsort(np.array(stamps, dtype=np.int64), kind="stable")
        ticks = np.array(stamps, dtype=np.int64)[order]
        return _Times(ticks, np.flatnonzero(np.array(keys)[order]), end)


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Inspect a video or a still image.

    Raises:
        MediaError: missing, unreadable, not media, or without a picture.
    """
    return source_of(Path(path)).info


def source_of(path: Path) -> Source:
    """The cached inspection of `path`, made again when the file has changed."""
    with readable(path):
        status = path.stat()
    return _inspect(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _inspect(path: Path, _mtime_ns: int, _size: int) -> Source:
    """Inspect a file; the arguments beyond the path make the cache notice a change."""
    with container_of(path, MediaError) as container:
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        if video is None:
            raise MediaError(f"{path}: there is no picture in it; give a video or a still image")
        if _is_image(container.format.name):
            return _still(path)
        first, times = _scan(container, video, path)
        name = container.format.name
        has_audio = bool(container.streams.audio)
        if len(times.ticks) == 1 and not has_audio:
            return _still(path, decoded=first)
        return _source(path, name, video, first, times, has_audio)


def _source(
    path: Path, name: str, video: Any, first: Any, times: _Times, has_audio: bool
) -> Source:
    """Put together what the container, its first picture and its time stamps tell."""
    ticks, tick = times.ticks, Fraction(video.time_base)
    claimed = [video.average_rate, video.guessed_rate, video.base_rate]
    declared = [Fraction(r) for r in claimed if r]
    fps, constant = constant_rate(ticks, tick, declared)
    shown = picture_of_frame(ticks, tick, times.end, fps, constant)
    width, height, rotation = _upright(first, video)
    yuv = not (first.format.is_rgb or first.format.has_palette)
    info = VideoInfo(
        path=path,
        width=width,
        height=height,
        fps=fps,
        frame_count=len(shown),
        rotation=rotation,
        color=_color(first) if yuv else _FROM_RGB,
        start=int(ticks[0]) * tick,
        has_audio=has_audio,
    )
    indexed = name.startswith(_INDEXED)
    return Source(info, video.index, ticks, times.keys, tick, shown, indexed, yuv)


def _is_cover(stream: Any) -> bool:
    """An album cover in a sound file is no video."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _is_image(format_name: str) -> bool:
    return format_name.endswith("_pipe") or format_name in ("image2", "webp", "webp_anim", "ico")


def _scan(container: Any, video: Any, path: Path) -> tuple[Any, _Times]:
    """The first picture, and the times of all of them: from the packets, where they tell."""
    video.thread_type = "AUTO"
    first = None
    stamps: list[int | None] = []
    keys: list[bool] = []
    end, countable = 0, video.codec_context.codec.canonical_name in _PACKET_IS_PICTURE
    try:
        for packet in container.demux(video):
            if first is None:
                first = next(iter(packet.decode()), None)
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
        return first, _Times.of(known, keys, end)
    return first, _times_by_decoding(path, video)


def _times_by_decoding(path: Path, video: Any) -> _Times:
    """Decode everything once: slow, and right for every file."""
    stamps: list[int | None] = []
    keys: list[bool] = []
    length = 0
    with container_of(path, MediaError) as container:
        stream = container.streams[video.index]
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            with contextlib.suppress(av.FFmpegError):  # damage: go on behind it
                for frame in packet.decode():
                    stamps.append(frame.pts)
                    keys.append(bool(frame.key_frame))
                    length = frame.duration or length
    if not stamps:
        raise MediaError(f"{path}: no picture in it can be decoded")
    known = [s for s in stamps if s is not None]
    if len(known) < len(stamps):  # a bare stream: pictures follow each other at the declared rate
        step = 1 / (Fraction(video.average_rate or STILL_FPS) * Fraction(video.time_base))
        known = [round(i * step) for i in range(len(stamps))]
        length = round(step)
    # Decoders give pictures in the order in which they are shown.
    known = [int(t) for t in np.maximum.accumulate(known)]
    return _Times.of(known, keys, known[-1] + length)


def _upright(first: Any, video: Any) -> tuple[int, int, int]:
    """(width, height, clockwise degrees) of the upright picture with square pixels."""
    width, height = first.width, first.height
    aspect = Fraction(video.sample_aspect_ratio or 1)
    if aspect > 0 and round(width * aspect) != width:
        width = max(2, round(width * aspect / 2) * 2)
    rotation = -int(first.rotation) % 360
    if rotation in (90, 270):
        width, height = height, width
    return width, height, rotation


def _color(first: Any) -> ColorTags:
    full = first.format.name.startswith("yuvj")
    return ColorTags(
        _PRIMARIES.get(int(first.color_primaries)),
        _TRANSFERS.get(int(first.color_trc)),
        _MATRICES.get(int(first.colorspace)),
        "pc" if full else _RANGES.get(int(first.color_range)),
    )


def _still(path: Path, decoded: Any = None) -> Source:
    """A picture that stays: a photograph, or a video of one frame."""
    image = load_image(path) if decoded is None else decoded.to_ndarray(format="rgb24")
    info = VideoInfo(
        path, image.shape[1], image.shape[0], STILL_FPS, 1, color=_FROM_RGB, still=True
    )
    zero = np.zeros(1, dtype=np.int64)
    return Source(info, 0, zero, zero, 1 / STILL_FPS, zero, False, False)


def load_image(path: Path) -> U8:
    """An image file as upright RGB, (h, w, 3): its EXIF orientation is applied.

    Raises:
        MediaError: it cannot be decoded.
    """
    import cv2

    with readable(path) as file:
        data = np.frombuffer(file.read(), dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise MediaError(f"{path}: the image cannot be decoded; convert it to PNG or JPEG")
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def yuv_coding(info: VideoInfo) -> tuple[str, str]:
    """(matrix, range) that `info`'s pictures are taken to be coded with, in ffmpeg's names.

    Where the file is silent: limited range, and BT.601 up to 576 lines, BT.709 above. Decoding and
    encoding both ask here, so an untouched pixel comes back as it was.
    """
    hd = max(info.width, info.height) >= 1280 or min(info.width, info.height) > 576
    matrix = {None: "bt709" if hd else "smpte170m", "bt2020c": "bt2020nc"}.get(
        info.color.space, info.color.space
    )
    return str(matrix), info.color.range or "tv"
