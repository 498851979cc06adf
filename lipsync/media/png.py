"""Pictures as PNG files that appear complete or not at all."""

from __future__ import annotations

from pathlib import Path

from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors
from lipsync.types import U8


def write_png(path: Path, picture: U8) -> Path:
    """Write a picture (h, w, 3) RGB.

    Raises:
        OutputError: it cannot be written there.
    """
    import cv2

    _, data = cv2.imencode(".png", picture[..., ::-1], (cv2.IMWRITE_PNG_COMPRESSION, 9))
    with atomic_write(path) as temporary, os_errors_as_output_errors(path):
        temporary.write_bytes(data.tobytes())
    return path
