"""Small media of every shape, made by ffmpeg itself; kept for the length of the test run."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from lipsync.media import ffmpeg_binary

_FOLDER = tempfile.TemporaryDirectory(prefix="lipsync-clips-")


def run(*arguments: str) -> None:
    """ffmpeg with these arguments."""
    command = [ffmpeg_binary(), "-y", "-nostdin", "-v", "error", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@cache
def make(name: str, *arguments: str) -> Path:
    """A file made with these arguments, once."""
    path = Path(_FOLDER.name) / name
    run(*arguments, str(path))
    return path


def video(name: str, *coding: str, size: str = "96x64", rate: str = "25", frames: int = 12) -> Path:
    """The moving test picture with these coding arguments."""
    source = f"testsrc2=size={size}:rate={rate}"
    return make(name, "-f", "lavfi", "-i", source, "-frames:v", str(frames), *coding)


def turned(source: Path, degrees: int) -> Path:
    """The same stream with a rotation tag (anticlockwise, as ffmpeg counts)."""
    name = f"turned{degrees}.mp4"
    return make(name, "-display_rotation", str(degrees), "-i", str(source), "-c", "copy")


def sound(name: str, *coding: str, rate: int = 16000, seconds: float = 1.0) -> Path:
    """A tone of 300 Hz."""
    source = f"sine=frequency=300:sample_rate={rate}:duration={seconds}"
    return make(name, "-f", "lavfi", "-i", source, *coding)
