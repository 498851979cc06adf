"""Decoding: upright, square pixels, progressive; full-range RGB or the file's own coding."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

import ffmpeg
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.ffmpeg_process import FfmpegProcess, url, with_timestamps
from lipsync.media.frame_coding import RGB, FrameCoding, own_coding
from lipsync.media.video_info import VideoSource, inspect_source, load_image, yuv_coding
from lipsync.types import I64, U8, Damage, VideoInfo

log = logging.getLogger(__name__)

# Without full_chroma_int and accurate_rnd swscale rounds with a bias: a round trip from RGB has
# 47 dB PSNR on GRID footage, with them 62–64 dB.
SCALE_FLAGS = "bicubic+accurate_rnd+full_chroma_int"
# Diffuse white of HDR (ITU-R BT.2408), which becomes the white of the tone-mapped picture.
WHITE_NITS = 203
PEAK_NITS = 1000  # brighter values clip; most films are mastered to this peak
KNEE = 0.6  # of white: darker values stay as they are, brighter ones are compressed


def read_frames(
    info: VideoInfo, start: int = 0, stop: int | None = None, coding: FrameCoding = RGB
) -> Generator[U8, None, None]:
    """Frames start … stop - 1 of a video, each a fresh contiguous array, of RGB (h, w, 3).

    The number of frames is exact: a frame that cannot be decoded repeats the picture before it,
    which `info.damage` counts. A late start costs no more than decoding from the preceding
    keyframe.

    Args:
        coding: RGB, or the video's own, see `frame_coding.own_coding`.

    Raises:
        MediaError: nothing can be decoded there.
    """
    if start < 0:
        raise ValueError(f"read_frames: wanted start >= 0, got {start}")
    stop = info.frame_count if stop is None else min(stop, info.frame_count)
    if start >= stop:
        return
    own = own_coding(info) if coding is RGB else RGB
    if own is RGB:
        yield from _read(info, start, stop, coding)
    else:
        # As a render sees it where it cuts a face out of the file's own coding; nearly the same as
        # swscale's exact conversion, whole pictures of which are costly.
        for frame in _read(info, start, stop, own):
            yield own.to_rgb(frame)


def _read(info: VideoInfo, start: int, stop: int, coding: FrameCoding) -> Generator[U8, None, None]:
    """`read_frames` as ffmpeg gives them, of start < stop."""
    source = inspect_source(info.path, info.stamps is not None, info.tonemapped)
    if info.still:
        yield _still_frame(source, info.damage)  # always RGB
        return
    wanted = source.shown[start:stop]
    pictures = _pictures(source, int(wanted[0]), int(wanted[-1]) + 1, info.damage, coding)
    try:
        # One picture is read ahead: a picture that is shown again is copied before it is yielded.
        at, picture, ahead = -1, None, next(pictures, None)
        for place, index in enumerate(wanted.tolist()):
            while ahead is not None and (ahead[0] <= index or picture is None):
                (at, picture), ahead = ahead, next(pictures, None)
            if picture is None:
                raise MediaError(f"{info.path}: frame {start + place} cannot be decoded")
            if at != index:
                _note_replaced(info, start + place)
            following = wanted[place + 1] if place + 1 < len(wanted) else None
            stays = following is not None and (ahead is None or following < ahead[0])
            yield picture.copy() if stays else picture
    finally:
        pictures.close()


def _note_replaced(info: VideoInfo, frame: int) -> None:
    if not info.damage.replaced:
        log.warning("%s: damaged; frame %d shows another's picture", info.path, frame)
    info.damage.replaced.add(frame)


def _still_frame(source: VideoSource, damage: Damage) -> U8:
    try:
        return load_image(source.info.path)
    except MediaError:  # a video of one picture
        return next(_pictures(source, 0, 1, damage, RGB))[1]


def _pictures(
    source: VideoSource, first: int, end: int, damage: Damage, coding: FrameCoding
) -> Generator[tuple[int, U8], None, None]:
    """(index, picture) of the decoded pictures first … end - 1; undecodable ones are absent."""
    shape = coding.shape(source.info.width, source.info.height)
    with FfmpegProcess(_graph(source, first, end, coding)) as process:
        for index in range(first, end):
            picture = np.empty(shape, dtype=np.uint8)
            if not process.read_into(picture.data.cast("B")):
                break
            timestamp = process.next_timestamp() if source.has_timestamps else None
            if timestamp is not None:
                index = _nearest(source.pictures, timestamp)
            if index >= end:
                break
            yield index, picture
        damage.partly_decoded = max(damage.partly_decoded, process.partly_decoded)


def _nearest(ticks: I64, timestamp: int) -> int:
    """Index of the nearest timestamp."""
    right = int(np.searchsorted(ticks, timestamp))
    if right == len(ticks) or (
        right > 0 and timestamp - ticks[right - 1] < ticks[right] - timestamp
    ):
        right -= 1
    return right


def _graph(source: VideoSource, first: int, end: int, coding: FrameCoding) -> Any:
    """ffmpeg's graph: seek, rotate (automatic), deinterlace, scale, convert."""
    options: dict[str, Any] = {"c:v": source.coding.decoder} if source.coding.decoder else {}
    # Seek to a keyframe: pictures just before it in an open GOP refer to the GOP before.
    # Deinterlacing needs the two pictures before.
    before = max(0, first - 2) if source.interlaced else first
    key = source.keys[: np.searchsorted(source.keys, before, side="right")][-1:].sum()
    if key > 0 and source.indexed and source.has_timestamps:
        options |= {"ss": f"{float(source.pictures[key] * source.tick):.6f}", "seek_timestamp": 1}
        options |= {"noaccurate_seek": None}
    video = ffmpeg.input(url(source.info.path), **options)[str(source.stream)]
    if source.interlaced:
        video = video.filter("bwdif", mode="send_frame", deint="interlaced")
        video = video.filter("settb", str(source.tick))  # bwdif counts in half ticks
    if first and source.has_timestamps:
        video = video.filter("trim", start_pts=int(source.pictures[first]))
    elif first:
        video = video.filter("trim", start_frame=first)
    if source.has_timestamps:
        video = with_timestamps(video)
    return (
        (_rgb(video, source) if coding is RGB else _own(video, source))
        .output(
            "pipe:",
            format="rawvideo",
            pix_fmt=coding.pixel_format,
            fps_mode="passthrough",
            **{"frames:v": end - first},
        )
        .global_args("-copyts")
    )


def _own(video: Any, source: VideoSource) -> Any:
    """The file's own YUV; what is stored upright in square pixels passes as it is."""
    matrix, coded_range = yuv_coding(source.info)
    same = {"in_range": coded_range, "out_range": coded_range}
    same |= {"in_color_matrix": matrix, "out_color_matrix": matrix}
    return video.filter("scale", source.info.width, source.info.height, flags=SCALE_FLAGS, **same)


def _rgb(video: Any, source: VideoSource) -> Any:
    """Full-range RGB of the upright size."""
    info, coding = source.info, source.coding
    conversion: dict[str, str] = {}
    if info.tonemapped:
        video = _tonemapped(video, source)
    elif coding.yuv and coding.depth > 8 and not coding.alpha:
        video = video.filter("zscale", **_zscale_coding(source), range="full", **_DITHERED)
        video = video.filter("format", "gbrp")
    elif coding.yuv:
        matrix, coded_range = yuv_coding(info)
        conversion = {"in_color_matrix": matrix, "in_range": coded_range}
    video = video.filter(
        "scale", info.width, info.height, flags=SCALE_FLAGS, out_range="pc", **conversion
    )
    if coding.alpha:
        video = video.filter("format", "gbrap").filter("premultiply", inplace=1)
    return video


# From 10 or more bits to 8: error diffusion avoids banding.
_DITHERED = {"filter": "bicubic", "dither": "error_diffusion"}


def _zscale_coding(source: VideoSource) -> dict[str, str]:
    """zscale's input matrix and range, and its output matrix (RGB)."""
    matrix, coded_range = yuv_coding(source.info)
    return {
        "matrixin": source.coding.color.space or matrix,
        "rangein": {"tv": "limited", "pc": "full"}[source.coding.color.range or coded_range],
        "matrix": "gbr",
    }


def _tonemapped(video: Any, source: VideoSource) -> Any:
    """PQ or HLG in BT.2020 → BT.709: to linear light, highlights rolled off, dithered."""
    color = source.coding.color
    linear = video.filter(
        "zscale",
        **_zscale_coding(source),
        primariesin=color.primaries or "bt2020",
        transferin=color.transfer,
        primaries=color.primaries or "bt2020",
        transfer="linear",
        npl=WHITE_NITS,
        filter="bicubic",
    ).filter("format", "gbrpf32le")
    mapped = linear.filter("zscale", primaries="bt709").filter(
        "tonemap", tonemap="mobius", param=KNEE, peak=PEAK_NITS / WHITE_NITS, desat=0
    )
    return mapped.filter("zscale", transfer="bt709", range="full", **_DITHERED).filter(
        "format", "gbrp"
    )
