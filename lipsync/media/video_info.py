"""What a file holds, found without decoding it all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.container import container_of, readable
from lipsync.media.frame_rate import constant_rate, picture_of_frame
from lipsync.media.stream_info import Traits
from lipsync.media.timestamps import STILL_FPS, Times, scan
from lipsync.types import HDR_TRANSFERS, I64, U8, ColorTags, VideoInfo

# Containers with an index, in which ffmpeg finds an asked-for time stamp exactly.
_INDEXED = ("mov,mp4", "matroska,webm")

# What pictures without a YUV matrix (stills, GIF, RGB video) and tone-mapped ones are written as.
_BT709 = ColorTags("bt709", "bt709", "bt709", "tv")


@dataclass(eq=False)
class Damage:
    """What reading a file has met so far."""

    lost: set[int] = field(default_factory=set)  # frames that show another's picture
    torn: int = 0  # pictures that were decoded only in part


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
    traits: Traits
    stamped: bool = False  # a decoded picture is known by its time stamp
    interlaced: bool = False
    constant: bool = True  # the pictures follow a rate by themselves
    made_constant: str | None = None  # the remark about that, where they do not
    damage: Damage = field(default_factory=Damage)


def probe(
    path: str | os.PathLike[str], *, keep_stamps: bool = False, tonemap: bool = False
) -> VideoInfo:
    """Inspect a video or a still image.

    Args:
        keep_stamps: where the frame rate varies, frames are the pictures themselves, each with
            its own time; else it becomes constant.
        tonemap: pictures of high dynamic range come as BT.709.

    Raises:
        MediaError: missing, unreadable, not media, or without a picture.
    """
    return source_of(Path(path), keep_stamps, tonemap).info


def damage(info: VideoInfo) -> Iterator[str]:
    """What reading the file has met that was not whole, a line each; nothing if all was."""
    met = source_of(info.path, info.stamps is not None, info.tonemapped).damage
    if met.lost:
        first = min(met.lost)
        yield (
            f"{info.path}: {len(met.lost)} of its {info.frame_count} frames are damaged and show "
            f"the picture before them (the first is frame {first})"
        )
    if met.torn:
        yield f"{info.path}: {met.torn} pictures are damaged and could be decoded only in part"


def source_of(path: Path, keep_stamps: bool = False, tonemap: bool = False) -> Source:
    """The cached inspection of `path`, made again when the file has changed."""
    with readable(path):
        status = path.stat()
    return _variant(path, status.st_mtime_ns, status.st_size, keep_stamps, tonemap)


@lru_cache(maxsize=64)
def _variant(path: Path, mtime_ns: int, size: int, keep_stamps: bool, tonemap: bool) -> Source:
    """A file as it is to be read; looked into only once."""
    source = _inspect(path, mtime_ns, size)
    info, shown = source.info, source.shown
    if tonemap and info.hdr:
        info = replace(info, color=_BT709, depth=8, tonemapped=True)
    if keep_stamps and source.stamped and not source.constant:
        ticks = source.pictures
        shown = np.arange(len(ticks), dtype=np.int64)
        info = replace(
            info,
            frame_count=len(ticks),
            stamps=tuple(int(t - ticks[0]) * source.tick for t in ticks),
            remarks=tuple(r for r in info.remarks if r != source.made_constant),
        )
    return replace(source, info=info, shown=shown, damage=Damage())


@lru_cache(maxsize=64)
def _inspect(path: Path, _mtime_ns: int, _size: int) -> Source:
    """Inspect a file; its date and size make the cache notice a change."""
    with container_of(path, MediaError) as container:
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        if video is None:
            raise MediaError(f"{path}: there is no picture in it; give a video or a still image")
        if _is_image(container.format.name):
            return _still(path)
        first, times = scan(container, video, path)
        has_audio = bool(container.streams.audio)
        if len(times.ticks) == 1 and not has_audio:
            return _still(path, decoded=first)
        traits = Traits.of(first, video)
        return _source(path, container.format.name, video, traits, times, has_audio)


def _source(
    path: Path, name: str, video: Any, traits: Traits, times: Times, has_audio: bool
) -> Source:
    """Put together what the container, its first picture and its time stamps tell."""
    ticks, tick = times.ticks, Fraction(video.time_base)
    claimed = [video.average_rate, video.guessed_rate, video.base_rate]
    declared = [Fraction(r) for r in claimed if r]
    fps, constant = constant_rate(ticks, tick, declared)
    shown = picture_of_frame(ticks, tick, times.end, fps, constant)
    remarks, varies = [*_remarks(traits, times)], None
    missing = [] if constant else [*_missing(ticks, float(1 / fps / tick))]
    if not (constant or missing):
        varies = f"{path}: {_made_constant(fps, shown, len(ticks))}"
    told = tuple(f"{path}: {remark}" for remark in (*remarks, *missing))
    info = VideoInfo(
        path=path,
        width=traits.width,
        height=traits.height,
        fps=fps,
        frame_count=len(shown),
        rotation=traits.rotation,
        color=traits.color if traits.yuv else _BT709,
        start=int(ticks[0]) * tick,
        has_audio=has_audio,
        depth=traits.depth if traits.yuv else 8,
        remarks=(*told, varies) if varies else told,
    )
    indexed = name.startswith(_INDEXED)
    return Source(
        info, video.index, ticks, times.keys, tick, shown, indexed, traits, times.stamped,
        times.interlaced, constant, varies,
    )  # fmt: skip


def _remarks(traits: Traits, times: Times) -> Iterator[str]:
    """What reading changes in the pictures."""
    if times.interlaced:
        yield "interlaced; it was deinterlaced, one frame of two fields each"
    if traits.alpha:
        yield "partly transparent; the output shows it over black"
    if times.absent:
        promised = len(times.ticks) + times.absent
        yield f"ends too early: {times.absent} of its {promised} pictures are not in the file"
    if traits.depth > 8 and traits.yuv and traits.color.transfer not in HDR_TRANSFERS:
        how = "" if traits.alpha else ", with dither against banding"
        yield f"{traits.depth} bits per colour; worked on in 8{how}"


def _made_constant(fps: Fraction, shown: I64, pictures: int) -> str:
    held = int((np.diff(shown) == 0).sum())
    dropped = pictures - len(np.unique(shown))
    return (
        f"its frame rate varies; made constant, {float(fps):.6g} per second: {held} frames repeat "
        f"a picture, {dropped} pictures are left out"
    )


def _missing(ticks: I64, interval: float) -> Iterator[str]:
    """Pictures that an otherwise regular rate leaves out in a few places."""
    steps = np.diff(ticks) / interval
    whole = np.rint(steps)
    places = int((whole > 1).sum())
    if places and places * 20 <= len(ticks) and np.abs(steps - whole).max() < 0.1:
        yield f"{int((whole - 1).sum())} pictures are missing in {places} places of the file"


def _is_cover(stream: Any) -> bool:
    """An album cover in a sound file is no video."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _is_image(format_name: str) -> bool:
    return format_name.endswith("_pipe") or format_name in ("image2", "webp", "webp_anim", "ico")


def _still(path: Path, decoded: Any = None) -> Source:
    """A picture that stays: a photograph, or a video of one frame."""
    image, alpha = _image(path) if decoded is None else (decoded.to_ndarray(format="rgb24"), False)
    height, width = image.shape[:2]
    remarks = (f"{path}: partly transparent; the output shows it over black",) if alpha else ()
    info = VideoInfo(path, width, height, STILL_FPS, 1, color=_BT709, still=True, remarks=remarks)
    zero = np.zeros(1, dtype=np.int64)
    traits = Traits(width, height, 0, _BT709, 8, False, alpha, None)
    return Source(info, 0, zero, zero, 1 / STILL_FPS, zero, False, traits)


def load_image(path: Path) -> U8:
    """An image file as upright RGB, (h, w, 3): its EXIF orientation is applied.

    What is transparent is shown over black.

    Raises:
        MediaError: it cannot be decoded.
    """
    return _image(path)[0]


def _image(path: Path) -> tuple[U8, bool]:
    """The image, and whether some of it is transparent."""
    import cv2

    with readable(path) as file:
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
    """(matrix, range) that `info`'s pictures are taken to be coded with, in ffmpeg's names.

    Where the file is silent: limited range, and BT.601 up to 576 lines, BT.709 above. Decoding and
    encoding both ask here, so an untouched pixel comes back as it was.
    """
    hd = max(info.width, info.height) >= 1280 or min(info.width, info.height) > 576
    matrix = {None: "bt709" if hd else "smpte170m", "bt2020c": "bt2020nc"}.get(
        info.color.space, info.color.space
    )
    return str(matrix), info.color.range or "tv"
