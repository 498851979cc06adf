"""A frame of target and result side by side, with the mouths of both enlarged below.

All is drawn on one canvas whose places are fixed by the size of the picture and of the faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.report.face_tiles import MOUTH, OUTSIDE, cut_tile
from lipsync.report.lettering import ACCENT, BAR, FAINT, INK, PAPER, draw_text, measure_text
from lipsync.types import F32, U8

FACTOR = 3.0  # by which mouths are enlarged
MOUTH_WIDTH = 1.6  # outer-eye distances that a view of the mouth shows, where there is room
HEIGHT_MOST = 0.8  # of the picture's height, for the view of the mouth
HALF_MOST, PICTURE_MOST = 1920, 1600  # pixels: many decoders play no more than 4096 × 2304
BAR_LEAST, BAR_SHARE = 20, 24  # pixels; of half the width
GAP = 4  # pixels between the two
DIM = 0.55  # letters in high dynamic range: 1 would dazzle


@dataclass(frozen=True)
class Titles:
    """What stands above the two pictures."""

    left: str
    right: str
    notice: str  # that the mouth was generated


class SideBySide:
    """Draws the frames of one comparison, (`height`, `width`, 3) each."""

    def __init__(
        self, width: int, height: int, scales: Sequence[float], titles: Titles, hdr: bool = False
    ) -> None:
        """Prepare for pictures of `width` × `height`.

        Args:
            scales: of every face that speaks, pixels per outer-eye distance.
            hdr: the pictures are coded for high dynamic range.
        """
        shrink = min(1.0, HALF_MOST / width, PICTURE_MOST / height)
        self._picture = round(width * shrink), round(height * shrink)
        self._half = _even(self._picture[0])
        self._bar = _even(max(BAR_LEAST, self._half / BAR_SHARE))
        self._cell = self._half // len(scales)
        self._factors = [
            min(
                FACTOR,
                self._cell / (MOUTH[2] * scale),
                HEIGHT_MOST * self._picture[1] / (MOUTH[3] * scale),
            )
            for scale in scales
        ]
        drawn = [(f * s, f) for f, s in zip(self._factors, scales, strict=True)]
        self._views = [
            (min(self._cell, round(MOUTH_WIDTH * size)), round(MOUTH[3] * size))
            for size, _ in drawn
        ]
        self._below = self._bar + self._picture[1]
        self.width = 2 * self._half + GAP
        self.height = _even(self._below + max(high for _, high in self._views))
        self._letters = self._bar / 52
        self._canvas = self._draw_canvas(titles, hdr)
        self._dim = DIM if hdr else 1.0

    @property
    def places(self) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
        """Where the pictures of target and result lie: x, y, width, height."""
        width, height = self._picture
        right = self._half + GAP
        return (0, self._bar, width, height), (right, self._bar, width, height)

    def mouth_place(self, speaker: int, side: int) -> tuple[int, int, int, int]:
        """Where a mouth lies, of the target (0) or the result (1): x, y, width, height."""
        width, height = self._views[speaker]
        left = side * (self._half + GAP) + speaker * self._cell + (self._cell - width) // 2
        return left, self._below, width, height

    @property
    def layout(self) -> dict[str, tuple[int, int, int, int]]:
        """Where a player finds what it shows: x, y, width, height by name."""
        named = {"original": self.places[0], "result": self.places[1]}
        for side, name in enumerate(("original_mouth", "result_mouth")):
            x, y, width, height = self.mouth_place(0, side)
            right = x + width
            for speaker in range(1, len(self._views)):
                x2, _, width, more = self.mouth_place(speaker, side)
                right, height = x2 + width, max(height, more)
            named[name] = (x, y, right - x, height)
        return named

    @property
    def factors(self) -> list[float]:
        """By how much the mouths are enlarged."""
        return list(self._factors)

    def draw(self, target: U8, result: U8, faces: Sequence[F32], when: str) -> U8:
        """One frame.

        Args:
            target, result: (h, w, 3) RGB.
            faces: (2, 3) each, canonical mouth space → frame, one per speaker.
            when: stands above the result.
        """
        canvas = self._canvas.copy()
        for side, picture in enumerate((target, result)):
            x, y, width, height = self.places[side]
            small = picture
            if picture.shape[:2] != (height, width):
                small = np.asarray(
                    cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
                )
            canvas[y : y + height, x : x + width] = small
            for k, to_frame in enumerate(faces):
                x, y, width, height = self.mouth_place(k, side)
                tile = cut_tile(picture, to_frame, MOUTH, (width, height), self._factors[k])
                canvas[y : y + height, x : x + width] = tile
        color = _dimmed(FAINT, self._dim)
        left = self._half - measure_text(when, self._letters) - self._bar // 3
        if left > self._title_end:
            draw_text(canvas, when, left, self._baseline, self._letters, color)
        return canvas

    @property
    def _baseline(self) -> int:
        return round(0.68 * self._bar)

    def _draw_canvas(self, titles: Titles, hdr: bool) -> U8:
        """What is the same in all frames."""
        dim = DIM if hdr else 1.0
        canvas = np.full((self.height, self.width, 3), _dimmed(PAPER, dim), np.uint8)
        canvas[: self._bar] = _dimmed(BAR, dim)
        pad, size, base = self._bar // 3, self._letters, self._baseline
        factors = {f"{one:.1f}" for one in self._factors}
        mouths = f" · mouth ×{factors.pop()}" if len(factors) == 1 else ""
        for side, title in enumerate((titles.left + mouths, titles.right)):
            x, y, _, height = self.places[side]
            canvas[y : y + height, x : x + self._half] = _dimmed(OUTSIDE, dim)
            end = draw_text(
                canvas, title, x + pad, base, size, _dimmed(INK, dim), True, self._half - 2 * pad
            )
            if not side:
                self._title_end = end + pad
        room = self.width - end - 3 * pad
        wide = min(measure_text(titles.notice, size, True), room)
        x = self.width - wide - 2 * pad
        canvas[2 : self._bar - 2, x : self.width - pad // 2] = _dimmed(ACCENT, dim)
        draw_text(canvas, titles.notice, x + pad // 2, base, size, _dimmed(PAPER, dim), True, wide)
        return canvas


def _even(length: float) -> int:
    """The next even number, which encoders want."""
    return -(-int(np.ceil(length)) // 2) * 2


def _dimmed(color: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    red, green, blue = (round(one * share) for one in color)
    return red, green, blue
