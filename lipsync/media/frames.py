"""Pictures out of a video: upright, square pixels, full-range RGB, at a constant rate."""

from __future__ import annotations

import logging
from collections.abc import Generator
from fractions import Fraction
from typing import Any

import ffmpeg
import numpy as np

from lipsync.errors import MediaError
from lipsync.media.probe import Source, load_image, source_of, yuv_coding
from lipsync.media.process import Process, url
from lipsync.types import U8, VideoInfo

log = logging.getLogger(__name__)

# Without full_chroma_int and accurate_rnd together swscale rounds with a bias: RGB and back costs
# 47 dB on our footage, with them 62–64 dB.
SCALE_FLAGS = "bicubic+accurate_rnd+full_chroma_int"


def read_frames(
    info: VideoInfo, start: int = 0, stop: int | None = None
) -> Generator[U8, None, None]:
    """Frames start … stop - 1 of a video, each a fresh contiguous (h, w, 3).

    Exactly as many come as asked for and there are; where the file is damaged, the picture before
    the damage stays. Starting late costs no more than decoding from the key picture before it.

    Raises:
        MediaError: nothing can be decoded there.
    """
    if start < 0:
        raise ValueError(f"read_frames: wanted start >= 0, got {start}")
    stop = info.frame_count if stop is None else min(stop, info.frame_count)
    if start >= stop:
        return
    source = source_of(info.path)
    if info.still:
        yield _still_frame(source)
        return
    wanted = source.shown[start:stop]
    pictures = _pictures(source, int(wanted[0]), int(wanted[-1]) + 1)
    damaged = False
    try:
        at, picture = int(wanted[0]) - 1, None
        # One picture is read ahead: what must stay after it is copied before it is given away.
        ahead = next(pictures, None)
        for frame, index in enumerate(wanted.tolist(), start):
            while at < index and ahead is not None:
                at, picture, ahead = at + 1, ahead, next(pictures, None)
            if picture is None:
                raise MediaError(f"{info.path}: frame {frame} cannot be decoded")
            if at < index and not damaged:
                damaged = True
                log.warning("%s: damaged; its picture stays from frame %d on", info.path, frame)
            stays = ahead is None or (frame + 1 < stop and wanted[frame + 1 - start] == index)
            yield picture.copy() if stays else picture
    finally:
        pictures.close()


def _still_frame(source: Source) -> U8:
    try:
        return load_image(source.info.path)
    except MediaError:  # a video of one picture
        return next(_pictures(source, 0, 1))


def _pictures(source: Source, first: int, end: int) -> Generator[U8, None, None]:
    """Decoded pictures first … end - 1, without repeating or dropping any."""
    info = source.info
    with Process(_graph(source, first, end)) as process:
        for _ in range(end - first):
            picture = np.empty((info.height, info.width, 3), dtype=np.uint8)
            if not process.fill(picture.data.cast("B")):
                return
            yield picture


def _graph(source: Source, first: int, end: int) -> Any:
    """ffmpeg's graph: seek, turn upright (it does so by itself), scale and convert."""
    info = source.info
    options: dict[str, Any] = {}
    count = end - first
    # Only a key picture can be sought for: pictures just before it in an open group refer to
    # the group before, and ffmpeg may land between the two.
    key = source.keys[: np.searchsorted(source.keys, first, side="right")][-1:].sum()
    if key > 0 and source.indexed:
        # Aim half-way between two pictures: neither rounding to µs nor to ticks can miss.
        before, at = (int(t) for t in source.pictures[key - 1 : key + 1])
        aim = Fraction(at - (at - before) // 2) * source.tick
        options = {"ss": f"{float(aim):.6f}", "seek_timestamp": 1}
        first -= int(key)
    video = ffmpeg.input(url(info.path), **options)[str(source.stream)]
    if first:
        video = video.filter("trim", start_frame=first)
    conversion: dict[str, str] = {}
    if source.yuv:
        matrix, coded_range = yuv_coding(info)
        conversion = {"in_color_matrix": matrix, "in_range": coded_range}
    video = video.filter(
        "scale", info.width, info.height, flags=SCALE_FLAGS, out_range="pc", **conversion
    )
    return video.output(
        "pipe:",
        format="rawvideo",
        pix_fmt="rgb24",
        fps_mode="passthrough",
        **{"frames:v": count},
    )
