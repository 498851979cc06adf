"""Pictures as PNG files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from lipsync.errors import OutputError
from lipsync.types import U8


def write(path: Path, picture: U8) -> Path:
    """Write a picture (h, w, 3) RGB.

    Raises:
        OutputError: it cannot be written there.
    """
    import cv2

    _, data = cv2.imencode(".png", picture[..., ::-1], (cv2.IMWRITE_PNG_COMPRESSION, 9))
    partial = path.with_name(f".{path.stem[:100]}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        partial.write_bytes(data.tobytes())
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    return path
