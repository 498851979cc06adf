"""Pictures out of a video: upright, square pixels, progressive, full-range RGB."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

import ffmpeg
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.ffmpeg_process import Process, stamped, url
from lipsync.media.video_info import Source, load_image, source_of, yuv_coding
from lipsync.types import I64, U8, VideoInfo

log = logging.getLogger(__name__)

# Without full_chroma_int and accurate_rnd together swscale rounds with a bias: RGB and back costs
# 47 dB on our footage, with them 62–64 dB.
SCALE_FLAGS = "bicubic+accurate_rnd+full_chroma_int"
# Diffuse white of HDR (ITU-R BT.2408), which becomes the white of the tone-mapped picture's scale.
WHITE_NITS = 203
PEAK_NITS = 1000  # brighter than this clips; most films are mastered to it
KNEE = 0.6  # of white: darker than this stays as it is, brighter makes room for what is above white


def read_frames(
    info: VideoInfo, start: int = 0, stop: int | None = None
) -> Generator[U8, None, None]:
    """Frames start … stop - 1 of a video, each a fresh contiguous (h, w, 3).

    Exactly as many come as asked for and there are; where one is damaged, the picture before it
    stays for as long as it would have been shown, and `damage` tells how often. Starting late
    costs no more than decoding from the key picture before it.

    Raises:
        MediaError: nothing can be decoded there.
    """
    if start < 0:
        raise ValueError(f"read_frames: wanted start >= 0, got {start}")
    stop = info.frame_count if stop is None else min(stop, info.frame_count)
    if start >= stop:
        return
    source = source_of(info.path, info.stamps is not None, info.tonemapped)
    if info.still:
        yield _still_frame(source)
        return
    wanted = source.shown[start:stop]
    pictures = _pictures(source, int(wanted[0]), int(wanted[-1]) + 1)
    try:
        # One picture is read ahead: what must stay after it is copied before it is given away.
        at, picture, ahead = -1, None, next(pictures, None)
        for place, index in enumerate(wanted.tolist()):
            while ahead is not None and (ahead[0] <= index or picture is None):
                (at, picture), ahead = ahead, next(pictures, None)
            if picture is None:
                raise MediaError(f"{info.path}: frame {start + place} cannot be decoded")
            if at != index:
                _lost(source, start + place)
            following = wanted[place + 1] if place + 1 < len(wanted) else None
            stays = following is not None and (ahead is None or following < ahead[0])
            yield picture.copy() if stays else picture
    finally:
        pictures.close()


def _lost(source: Source, frame: int) -> None:
    if not source.damage.lost:
        log.warning("%s: damaged; frame %d shows another's picture", source.info.path, frame)
    source.damage.lost.add(frame)


def _still_frame(source: Source) -> U8:
    try:
        return load_image(source.info.path)
    except MediaError:  # a video of one picture
        return next(_pictures(source, 0, 1))[1]


def _pictures(source: Source, first: int, end: int) -> Generator[tuple[int, U8], None, None]:
    """(index, picture) of the decoded pictures first … end - 1, ascending; lost ones are absent."""
    info = source.info
    with Process(_graph(source, first, end)) as process:
        for index in range(first, end):
            picture = np.empty((info.height, info.width, 3), dtype=np.uint8)
            if not process.fill(picture.data.cast("B")):
                break
            stamp = process.stamp() if source.stamped else None
            if stamp is not None:
                index = _nearest(source.pictures, stamp)
            if index >= end:
                break
            yield index, picture
        source.damage.torn = max(source.damage.torn, process.torn)


def _nearest(ticks: I64, stamp: int) -> int:
    """Index of the time stamp that is meant."""
    right = int(np.searchsorted(ticks, stamp))
    if right == len(ticks) or (right > 0 and stamp - ticks[right - 1] < ticks[right] - stamp):
        right -= 1
    return right


def _graph(source: Source, first: int, end: int) -> Any:
    """ffmpeg's graph: seek, turn upright (it does so by itself), deinterlace, scale, convert."""
    options: dict[str, Any] = {"c:v": source.traits.decoder} if source.traits.decoder else {}
    # Only a key picture can be sought for: pictures just before it in an open group refer to
    # the group before. Deinterlacing looks at the two pictures before.
    before = max(0, first - 2) if source.interlaced else first
    key = source.keys[: np.searchsorted(source.keys, before, side="right")][-1:].sum()
    if key > 0 and source.indexed and source.stamped:
        options |= {"ss": f"{float(source.pictures[key] * source.tick):.6f}", "seek_timestamp": 1}
        options |= {"noaccurate_seek": None}
    video = ffmpeg.input(url(source.info.path), **options)[str(source.stream)]
    if source.interlaced:
        video = video.filter("bwdif", mode="send_frame", deint="interlaced")
        video = video.filter("settb", str(source.tick))  # it counts in half ticks
    if first and source.stamped:
        video = video.filter("trim", start_pts=int(source.pictures[first]))
    elif first:
        video = video.filter("trim", start_frame=first)
    if source.stamped:
        video = stamped(video)
    return (
        _rgb(video, source)
        .output(
            "pipe:",
            format="rawvideo",
            pix_fmt="rgb24",
            fps_mode="passthrough",
            **{"frames:v": end - first},
        )
        .global_args("-copyts")
    )


def _rgb(video: Any, source: Source) -> Any:
    """Full-range RGB of the upright size."""
    info, traits = source.info, source.traits
    conversion: dict[str, str] = {}
    if info.tonemapped:
        video = _tonemapped(video, source)
    elif traits.yuv and traits.depth > 8 and not traits.alpha:
        video = video.filter("zscale", **_coding(source), range="full", **_DITHERED)
        video = video.filter("format", "gbrp")
    elif traits.yuv:
        matrix, coded_range = yuv_coding(info)
        conversion = {"in_color_matrix": matrix, "in_range": coded_range}
    video = video.filter(
        "scale", info.width, info.height, flags=SCALE_FLAGS, out_range="pc", **conversion
    )
    if traits.alpha:
        video = video.filter("format", "gbrap").filter("premultiply", inplace=1)
    return video


# 8 bits of 10 or more: the rounding error goes to the neighbours, so that nothing bands.
_DITHERED = {"filter": "bicubic", "dither": "error_diffusion"}


def _coding(source: Source) -> dict[str, str]:
    """What zscale is to take the pictures for; the output's matrix is RGB's."""
    matrix, coded_range = yuv_coding(source.info)
    return {
        "matrixin": source.traits.color.space or matrix,
        "rangein": {"tv": "limited", "pc": "full"}[source.traits.color.range or coded_range],
        "matrix": "gbr",
    }


def _tonemapped(video: Any, source: Source) -> Any:
    """PQ or HLG in BT.2020 → BT.709: linear light, its highlights rolled off, then dithered."""
    color = source.traits.color
    linear = video.filter(
        "zscale",
        **_coding(source),
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
