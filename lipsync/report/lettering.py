"""Words in pictures: on contact sheets and comparisons.

OpenCV's letters, as in `marks.visible_label`; before version 5 they are plain Latin ones.
"""

from __future__ import annotations

import cv2

from lipsync.types import U8

Color = tuple[int, int, int]
INK, FAINT, ACCENT = (236, 236, 236), (160, 160, 164), (255, 190, 92)  # RGB, on PAPER
PAPER, BAR = (34, 34, 36), (50, 50, 54)  # neutral: colors of faces are judged against it
UNICODE_SINCE = 5  # major version of OpenCV
PLAIN = str.maketrans({"×": "x", "·": "-", "–": "-", "…": "~", "°": " deg"})
THIN, BOLD = cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX


def draw_text(
    picture: U8, text: str, left: int, baseline: int, size: float = 0.45,
    color: Color = INK, bold: bool = False, most: int | None = None,
) -> int:  # fmt: skip
    """Draw a line into a picture (h, w, 3).

    Args:
        size: of the letters; 1 is 21 pixels.
        most: width in pixels; a longer text ends in an ellipsis.

    Returns:
        Where it ends, x.
    """
    text = shorten(text, size, bold, most) if most is not None else _drawable(text)
    font = BOLD if bold else THIN
    cv2.putText(picture, text, (left, baseline), font, size, color, 1, cv2.LINE_AA)
    return left + measure_text(text, size, bold)


def measure_text(text: str, size: float = 0.45, bold: bool = False) -> int:
    """Width of a line, pixels."""
    return int(cv2.getTextSize(_drawable(text), BOLD if bold else THIN, size, 1)[0][0])


def shorten(text: str, size: float, bold: bool, most: int) -> str:
    """A text that is no wider than so many pixels, with an ellipsis if it was."""
    text = _drawable(text)
    if measure_text(text, size, bold) <= most:
        return text
    end = _drawable("…")
    while text and measure_text(text + end, size, bold) > most:
        text = text[:-1]
    return text.rstrip() + end


def write_time(seconds: float) -> str:
    """`0:03.12`."""
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def _drawable(text: str) -> str:
    if int(cv2.__version__.split(".")[0]) >= UNICODE_SINCE:
        return text
    return text.translate(PLAIN).encode("ascii", "replace").decode()
