"""A stretch of a video as a file of its own."""

from __future__ import annotations

from pathlib import Path

from lipsync.errors import MediaError
from lipsync.media.ffmpeg_process import FfmpegProcess, url
from lipsync.runtime.atomic import atomic_write
from lipsync.types import VideoInfo

Box = tuple[int, int, int, int]  # x, y, width, height
# Near enough to lossless for a look, and quicker to write than to read.
CODING = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "4", "-c:a", "pcm_s16le")


def write_excerpt(
    info: VideoInfo, start: float, seconds: float, to: Path, box: Box | None = None
) -> Path:
    """Write a stretch of a video, with its sound if it has any, as Matroska.

    Args:
        start: seconds; the first frame is the one that is shown then.
        box: the part of the upright picture that is kept; None: all.

    Raises:
        MediaError: nothing can be decoded there.
        OutputError: it cannot be written.
    """
    # Upright, progressive, with square pixels: as all else sees it.
    x, y, width, height = box or (0, 0, info.width, info.height)
    picture = (
        f"yadif=deint=interlaced,scale={info.width}:{info.height},setsar=1,"
        f"crop={width // 2 * 2}:{height // 2 * 2}:{x}:{y}"
    )
    with atomic_write(to) as temporary:
        arguments = [
            "-ss", f"{start:.3f}", "-i", url(info.path), "-t", f"{seconds:.3f}", "-map", "0:v:0",
            "-map", "0:a:0?", "-fps_mode", "passthrough", "-vf", picture, *CODING, "-f",
            "matroska", url(temporary),
        ]  # fmt: skip
        with FfmpegProcess(arguments) as process:
            for _ in process.chunks():
                pass
            if process.finish() != 0 or not temporary.stat().st_size:
                reason = process.error_line or "nothing is shown there"
                raise MediaError(f"{info.path}: cannot be read at {start:.2f} s: {reason}")
    return to
