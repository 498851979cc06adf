"""How the pictures of a stream lie in memory: as RGB, or as their file codes them (YUV 4:2:0).

A render changes a small part of every picture. In the file's own coding only this part becomes
RGB, and only what changed in it goes back, as a difference: whatever was not touched keeps its
bytes, and no whole picture is converted twice.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from lipsync.media.video_info import inspect_source, yuv_coding
from lipsync.types import F32, U8, Box, VideoInfo

# Shares of red and blue in luma (ISO/IEC 23091-2), by ffmpeg's names of the matrices.
_LUMA = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}
_MARGIN = 2  # cells of chroma around a box that a cubic needs


class FrameCoding(Protocol):
    """One way in which pictures lie in memory; boxes begin and end on even pixels."""

    pixel_format: str  # in ffmpeg's names

    def shape(self, width: int, height: int) -> tuple[int, ...]:
        """The shape of a picture's array."""

    def size(self, frame: U8) -> tuple[int, int]:
        """Width and height of a picture."""

    def cut(self, frame: U8, box: Box) -> U8:
        """A box of a picture as RGB (h, w, 3), the caller's to modify."""

    def paste(self, frame: U8, box: Box, before: U8, after: U8) -> None:
        """Put what changed between two RGB pictures (h, w, 3) of a box into a picture, in place."""

    def to_rgb(self, frame: U8) -> U8:
        """The whole picture as RGB (h, w, 3)."""

    def planes(self, frame: U8) -> list[U8]:
        """Views of the picture's planes: RGB is one, (h, w, 3)."""


class RgbCoding:
    """Full-range RGB, (h, w, 3)."""

    pixel_format = "rgb24"

    def __reduce__(self) -> str:
        return "RGB"  # there is but one, in every process

    def shape(self, width: int, height: int) -> tuple[int, ...]:
        """See `FrameCoding`."""
        return (height, width, 3)

    def size(self, frame: U8) -> tuple[int, int]:
        """See `FrameCoding`."""
        return frame.shape[1], frame.shape[0]

    def cut(self, frame: U8, box: Box) -> U8:
        """See `FrameCoding`."""
        x, y, width, height = box
        return frame[y : y + height, x : x + width].copy()

    def paste(self, frame: U8, box: Box, before: U8, after: U8) -> None:
        """See `FrameCoding`."""
        x, y, width, height = box
        frame[y : y + height, x : x + width] = after

    def to_rgb(self, frame: U8) -> U8:
        """See `FrameCoding`."""
        return frame

    def planes(self, frame: U8) -> list[U8]:
        """See `FrameCoding`."""
        return [frame]


class Yuv420Coding:
    """Planes of 8 bits, the luma (h, w) above blue and red difference (h / 2, w / 2) each.

    The array is (3 h / 2, w), as ffmpeg writes it; h and w are even. Chroma lies in the middle of
    its four pixels, as swscale takes it to be.
    """

    pixel_format = "yuv420p"

    def __init__(self, matrix: str, full_range: bool) -> None:
        """`matrix`: in ffmpeg's names.

        Raises:
            KeyError: it is not known.
        """
        red, blue = _LUMA[matrix]
        luma = np.array([red, 1 - red - blue, blue])
        to_yuv = np.stack([
            luma,
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ])  # fmt: skip
        if not full_range:
            to_yuv *= np.array([219, 224, 224])[:, None] / 255
        black = np.array([0 if full_range else 16, 128, 128])
        to_rgb = np.linalg.inv(to_yuv)
        self._to_yuv = np.asarray(to_yuv, np.float32)
        self._to_rgb = np.column_stack([to_rgb, -to_rgb @ black]).astype(np.float32)

    def shape(self, width: int, height: int) -> tuple[int, ...]:
        """See `FrameCoding`."""
        return (height * 3 // 2, width)

    def size(self, frame: U8) -> tuple[int, int]:
        """See `FrameCoding`."""
        return frame.shape[1], frame.shape[0] * 2 // 3

    def cut(self, frame: U8, box: Box) -> U8:
        """See `FrameCoding`."""
        x, y, width, height = box
        luma, *chroma = self.planes(frame)
        planes = [luma[y : y + height, x : x + width]]
        planes += [_enlarge(plane, box) for plane in chroma]
        return np.asarray(cv2.transform(cv2.merge(planes), self._to_rgb))

    def paste(self, frame: U8, box: Box, before: U8, after: U8) -> None:
        """See `FrameCoding`."""
        x, y, width, height = box
        change = cv2.subtract(after, before, dtype=cv2.CV_32F)
        small = cv2.resize(change, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        changes = [cv2.transform(change, self._to_yuv[:1])]
        changes += cv2.split(cv2.transform(small, self._to_yuv[1:]))
        planes, half = self.planes(frame), slice(y // 2, (y + height) // 2)
        parts = [planes[0][y : y + height, x : x + width]]
        parts += [plane[half, x // 2 : (x + width) // 2] for plane in planes[1:]]
        for part, added in zip(parts, changes, strict=True):
            part[:] = cv2.add(part, added, dtype=cv2.CV_8U)

    def to_rgb(self, frame: U8) -> U8:
        """See `FrameCoding`."""
        return self.cut(frame, (0, 0, *self.size(frame)))

    def planes(self, frame: U8) -> list[U8]:
        """See `FrameCoding`."""
        width, height = frame.shape[1], frame.shape[0] * 2 // 3
        chroma = frame[height:].reshape(2, height // 2, width // 2)
        return [frame[:height], chroma[0], chroma[1]]


RGB = RgbCoding()


def _enlarge(plane: U8, box: Box) -> U8:
    """A box of a plane of half the size, in the whole one."""
    x, y, width, height = (side // 2 for side in box)
    left, top = min(x, _MARGIN), min(y, _MARGIN)
    part = plane[y - top : y + height + _MARGIN, x - left : x + width + _MARGIN]
    size = (2 * part.shape[1], 2 * part.shape[0])
    large = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large[2 * top : 2 * (top + height), 2 * left : 2 * (left + width)])


def own_coding(info: VideoInfo) -> FrameCoding:
    """The coding of a video's own pictures; RGB where they have to be converted in any case."""
    source = inspect_source(info.path, info.stamps is not None, info.tonemapped)
    matrix, coded_range = yuv_coding(info)
    even = info.width % 2 == 0 and info.height % 2 == 0
    plain = source.coding.planar and not source.coding.alpha and matrix in _LUMA
    if info.still or info.tonemapped or not (plain and even):
        return RGB
    return Yuv420Coding(matrix, coded_range == "pc")


def even_box(low: F32, high: F32, width: int, height: int) -> Box | None:
    """The box that holds all from `low` to `high` (x, y), cut at the picture; None: nothing is.

    Args:
        width, height: of the picture; where they are odd the box may end on an odd pixel.
    """
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return None
    left, top = (max(0, int(side) // 2 * 2) for side in np.floor(low))
    right = min(width, -(-int(np.ceil(high[0])) // 2) * 2)
    bottom = min(height, -(-int(np.ceil(high[1])) // 2) * 2)
    return (left, top, right - left, bottom - top) if left < right and top < bottom else None
