"""Pictures as PNG files that appear complete or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lipsync.media.image_sequence import add_png_texts
from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.types import U8


def write_png(
    path: Path, picture: U8, texts: Mapping[str, str] | None = None, most: int | None = None
) -> Path:
    """Write a picture (h, w, 3) RGB.

    Args:
        texts: of the file, keyword → text.
        most: bytes; a picture that would take more loses its lowest bit, a fifth of the file that
            nobody sees, and is reduced if that is not enough.

    Raises:
        OutputError: it cannot be written there.
    """
    import cv2

    coding = [cv2.IMWRITE_PNG_COMPRESSION, 9]
    if most is not None:  # photographs: hardly larger, in a thirtieth of the time
        coding += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    coarse = picture if most is None else _drop_bit(picture)
    while True:
        _, data = cv2.imencode(".png", picture[..., ::-1], coding)
        if most is None or len(data) <= most:
            break
        if picture is not coarse:
            picture = coarse
            continue
        share = 0.97 * math.sqrt(most / len(data))
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        picture = coarse = _drop_bit(np.asarray(small))
    with atomic_write(path) as temporary, os_errors_as_output_errors(path):
        temporary.write_bytes(add_png_texts(data.tobytes(), texts or {}))
    return path


def _drop_bit(picture: U8) -> U8:
    """The picture in steps of two levels; black and white stay."""
    return np.asarray((picture & 0xFE) | (picture >> 7))
