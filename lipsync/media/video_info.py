"""Inspection of a video without decoding it all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.container import open_container, open_readable
from lipsync.media.frame_rate import constant_rate, picture_of_frame
from lipsync.media.stream_info import StreamInfo
from lipsync.media.timestamps import STILL_FPS, StreamTimes, scan_stream
from lipsync.runtime.wording import count_of
from lipsync.types import HDR_TRANSFERS, I64, U8, ColorTags, Damage, VideoInfo

# Containers with an index, in which ffmpeg seeks exactly to a timestamp.
_INDEXED = ("mov,mp4", "matroska,webm")

# How pictures without a YUV matrix (stills, GIF, RGB video) and tone-mapped ones are encoded.
_BT709 = ColorTags("bt709", "bt709", "bt709", "tv")


@dataclass(frozen=True, eq=False)
class VideoSource:
    """A video and what is needed to decode it."""

    info: VideoInfo
    stream: int  # index in the container
    pictures: I64  # (n,) timestamps of the decoded pictures in ticks, ascending
    keys: I64  # which of the pictures are keyframes, ascending
    tick: Fraction  # seconds
    shown: I64  # (frames,) which picture each frame shows
    indexed: bool  # seeking is exact
    coding: StreamInfo
    has_timestamps: bool = False  # decoded pictures are identified by their timestamps
    interlaced: bool = False
    constant: bool = True  # the pictures have a constant rate
    made_constant: str | None = None  # the remark about a variable rate


def probe(
    path: str | os.PathLike[str], *, keep_stamps: bool = False, tonemap: bool = False
) -> VideoInfo:
    """Inspect a video or a still image.

    Args:
        keep_stamps: keep a variable frame rate: frames are the pictures themselves, each with its
            own time. Else it becomes constant.
        tonemap: decode HDR pictures to BT.709.

    Raises:
        MediaError: missing, unreadable, not media, or without a picture.
    """
    return replace(inspect_source(Path(path), keep_stamps, tonemap).info, damage=Damage())


def inspect_source(path: Path, keep_stamps: bool = False, tonemap: bool = False) -> VideoSource:
    """The cached inspection of `path`, made again when the file has changed."""
    with open_readable(path):
        status = path.stat()
    return _variant(path, status.st_mtime_ns, status.st_size, keep_stamps, tonemap)


@lru_cache(maxsize=64)
def _variant(path: Path, mtime_ns: int, size: int, keep_stamps: bool, tonemap: bool) -> VideoSource:
    """A file read as asked; inspected only once."""
    source = _inspect(path, mtime_ns, size)
    info, shown = source.info, source.shown
    if tonemap and info.hdr:
        info = replace(info, color=_BT709, depth=8, tonemapped=True)
    if keep_stamps and source.has_timestamps and not source.constant:
        ticks = source.pictures
        shown = np.arange(len(ticks), dtype=np.int64)
        info = replace(
            info,
            frame_count=len(ticks),
            stamps=tuple(int(t - ticks[0]) * source.tick for t in ticks),
            remarks=tuple(r for r in info.remarks if r != source.made_constant),
        )
    return replace(source, info=info, shown=shown)


@lru_cache(maxsize=64)
def _inspect(path: Path, _mtime_ns: int, _size: int) -> VideoSource:
    """Inspect a file; its date and size invalidate the cached value when it changes."""
    with open_container(path, MediaError) as container:
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        if video is None:
            raise MediaError(f"{path}: there is no picture in it; give a video or a still image")
        if _is_image(container.format.name):
            return _still(path)
        first, times = scan_stream(container, video, path)
        has_audio = bool(container.streams.audio)
        if len(times.ticks) == 1 and not has_audio:
            return _still(path, decoded=first)
        coding = StreamInfo.of(first, video)
        return _source(path, container.format.name, video, coding, times, has_audio)


def _source(
    path: Path, name: str, video: Any, coding: StreamInfo, times: StreamTimes, has_audio: bool
) -> VideoSource:
    """Combine what is known from the container, its first picture and the timestamps."""
    ticks, tick = times.ticks, Fraction(video.time_base)
    claimed = [video.average_rate, video.guessed_rate, video.base_rate]
    declared = [Fraction(r) for r in claimed if r]
    fps, constant = constant_rate(ticks, tick, declared)
    shown = picture_of_frame(ticks, tick, times.end, fps, constant)
    missing = [] if constant else [*_missing(ticks, float(1 / fps / tick))]
    remarks = [f"{path}: {remark}" for remark in (*_remarks(coding, times), *missing)]
    made_constant = None
    if not (constant or missing):
        made_constant = f"{path}: {_made_constant(fps, shown, len(ticks))}"
        remarks.append(made_constant)
    info = VideoInfo(
        path=path,
        width=coding.width,
        height=coding.height,
        fps=fps,
        frame_count=len(shown),
        rotation=coding.rotation,
        color=coding.color if coding.yuv else _BT709,
        start=int(ticks[0]) * tick,
        has_audio=has_audio,
        depth=coding.depth if coding.yuv else 8,
        remarks=tuple(remarks),
    )
    indexed = name.startswith(_INDEXED)
    return VideoSource(
        info, video.index, ticks, times.keys, tick, shown, indexed, coding, times.has_timestamps,
        times.interlaced, constant, made_constant,
    )  # fmt: skip


def _remarks(coding: StreamInfo, times: StreamTimes) -> Iterator[str]:
    """What decoding changes in the pictures."""
    if times.interlaced:
        yield "interlaced; it was deinterlaced, one frame of two fields each"
    if coding.alpha:
        yield "partly transparent; the output shows it over black"
    if times.absent:
        promised = len(times.ticks) + times.absent
        yield f"ends too early: {times.absent} of its {promised} pictures are not in the file"
    if coding.depth > 8 and coding.yuv and coding.color.transfer not in HDR_TRANSFERS:
        how = "" if coding.alpha else ", with dither against banding"
        yield f"{coding.depth} bits per color; worked on in 8{how}"


def _made_constant(fps: Fraction, shown: I64, pictures: int) -> str:
    held = int((np.diff(shown) == 0).sum())
    dropped = pictures - len(np.unique(shown))
    return (
        f"its frame rate varies; made constant, {float(fps):.6g} per second: "
        f"{count_of(held, 'frame repeats', 'frames repeat')} a picture, "
        f"{count_of(dropped, 'picture is', 'pictures are')} left out"
    )


def _missing(ticks: I64, interval: float) -> Iterator[str]:
    """A remark on pictures missing in a few places of an otherwise regular stream."""
    steps = np.diff(ticks) / interval
    whole = np.rint(steps)
    places = int((whole > 1).sum())
    if places and places * 20 <= len(ticks) and np.abs(steps - whole).max() < 0.1:
        lost = count_of(int((whole - 1).sum()), "picture is", "pictures are")
        yield f"{lost} missing in {count_of(places, 'place')} of the file"


def _is_cover(stream: Any) -> bool:
    """Whether a stream is an album cover, which is no video."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _is_image(format_name: str) -> bool:
    return format_name.endswith("_pipe") or format_name in ("image2", "webp", "webp_anim", "ico")


def _still(path: Path, decoded: Any = None) -> VideoSource:
    """A still: an image file, or a video of one frame."""
    image, alpha = _image(path) if decoded is None else (decoded.to_ndarray(format="rgb24"), False)
    height, width = image.shape[:2]
    remarks = (f"{path}: partly transparent; the output shows it over black",) if alpha else ()
    info = VideoInfo(path, width, height, STILL_FPS, 1, color=_BT709, still=True, remarks=remarks)
    zero = np.zeros(1, dtype=np.int64)
    coding = StreamInfo(width, height, 0, _BT709, 8, False, alpha, None)
    return VideoSource(info, 0, zero, zero, 1 / STILL_FPS, zero, False, coding)


def load_image(path: Path) -> U8:
    """Decode an image file to upright RGB, (h, w, 3), its EXIF orientation applied.

    Transparent pixels are shown over black.

    Raises:
        MediaError: it cannot be decoded.
    """
    return _image(path)[0]


def _image(path: Path) -> tuple[U8, bool]:
    """The image, and whether parts of it are transparent."""
    import cv2

    with open_readable(path) as file:
        data = np.frombuffer(file.read(), dtype=np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise MediaError(f"{path}: the image cannot be decoded; convert it to PNG or JPEG")
    rgb = np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    raw = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim < 3 or raw.shape[2] != 4 or raw.shape[:2] != rgb.shape[:2]:
        return rgb, False
    share = raw[..., 3:].astype(np.float32) / np.iinfo(raw.dtype).max
    return np.round(rgb * share).astype(np.uint8), bool(share.min() < 1)


def yuv_coding(info: VideoInfo) -> tuple[str, str]:
    """(matrix, range) of `info`'s YUV coding, in ffmpeg's names.

    If untagged: limited range, and BT.601 up to 576 lines, BT.709 above. Decoding and encoding both
    use this function, so that untouched pixels survive the round trip.
    """
    hd = max(info.width, info.height) >= 1280 or min(info.width, info.height) > 576
    matrix = {None: "bt709" if hd else "smpte170m", "bt2020c": "bt2020nc"}.get(
        info.color.space, info.color.space
    )
    return str(matrix), info.color.range or "tv"
