"""Coding of a stream's pictures, from the first picture and the container."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lipsync.types import ColorTags

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

# Decoders that support the transparency of these codecs; ffmpeg's own do not.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

_PLANAR = ("yuv420p", "yuvj420p", "nv12", "nv21")


@dataclass(frozen=True)
class StreamInfo:
    """How the pictures of a stream are coded."""

    width: int  # of the upright picture, square pixels
    height: int
    rotation: int  # degrees clockwise
    color: ColorTags
    depth: int  # bits per component
    yuv: bool  # has a YUV → RGB matrix
    alpha: bool  # some of the first picture is transparent
    decoder: str | None  # to use instead of ffmpeg's default
    planar: bool = False  # 4:2:0 of 8 bits

    @staticmethod
    def of(first: Any, video: Any) -> StreamInfo:
        """Read from a decoded picture and its stream, as PyAV objects."""
        width, height, rotation = _upright(first, video)
        hidden = str(video.metadata.get("alpha_mode", "0")) == "1"
        decoder = _ALPHA_DECODERS.get(video.codec_context.codec.canonical_name) if hidden else None
        return StreamInfo(
            width=width,
            height=height,
            rotation=rotation,
            color=_color(first),
            depth=max((c.bits for c in first.format.components), default=8),
            yuv=not (first.format.is_rgb or first.format.has_palette),
            alpha=decoder is not None or _transparent(first),
            decoder=decoder,
            planar=first.format.name in _PLANAR,
        )


def _transparent(first: Any) -> bool:
    if not any(c.is_alpha for c in first.format.components) and not first.format.has_palette:
        return False
    return int(first.to_ndarray(format="rgba")[..., 3].min()) < 255


def _upright(first: Any, video: Any) -> tuple[int, int, int]:
    """(width, height, clockwise degrees) of the upright picture with square pixels.

    Non-square pixels are stretched, never shrunk, so that no detail is lost.
    """
    width, height = first.width, first.height
    aspect = Fraction(video.sample_aspect_ratio or 1)
    if aspect > 1 and round(width * aspect) != width:
        width = round(width * aspect / 2) * 2
    elif 0 < aspect < 1 and round(height / aspect) != height:
        height = round(height / aspect / 2) * 2
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
