"""Samples that are no numbers: counted, and replaced by silence before anything else sees them.

Programs that compute sound in floating point write NaN and infinity where they divide by zero. A
filter spreads one such sample over all that follow; an encoder refuses it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from lipsync.media.ffmpeg_process import FfmpegProcess, url
from lipsync.types import AudioInfo

# Full scale is 1. Nothing that was ever heard is louder: samples beyond it are damage too.
LOUDEST = 1e5


def count_broken_samples(path: Path, header: AudioInfo) -> int:
    """How many samples of a stream are NaN, infinite or beyond LOUDEST; 0 for integer codecs."""
    if not (header.codec.startswith("pcm_f") or header.codec == "wavpack"):
        return 0
    status = path.stat()
    return _count(path, header.track, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _count(path: Path, track: int, _mtime_ns: int, _size: int) -> int:
    raw = ffmpeg.input(url(path))[f"a:{track}"].output("pipe:", format="f32le")
    broken, rest = 0, b""
    with FfmpegProcess(raw) as process:
        for piece in process.chunks():
            whole = rest + piece
            used = len(whole) // 4 * 4
            samples, rest = np.frombuffer(whole[:used], "<f4"), whole[used:]
            broken += len(samples) - int((np.abs(samples) <= LOUDEST).sum())
    return broken


def mended(sound: Any) -> Any:
    """ffmpeg's stream with silence in place of samples that are no numbers."""
    # Comparisons with NaN are false, in ffmpeg's expressions too.
    return sound.filter("aeval", f"if(lte(abs(val(ch)),{LOUDEST:.0f}),val(ch),0)", c="same")
