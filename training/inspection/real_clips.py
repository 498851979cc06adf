"""The real pieces, and how they look after recompression, scaling and a screen recording."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from lipsync import media
from lipsync.errors import OutputError
from lipsync.runtime.atomic import atomic_write
from training.inspection.pieces import PIECE_S, Piece

CUT_CRF = 6  # a cut is encoded again: without visible loss
SMALL_HEIGHT, SMALL_CRF = 480, 23
SCREEN_SCALE, SCREEN_FPS, SCREEN_CRF = 0.8, 30, 25
DESKTOP, TITLE_BAR, TASK_BAR = "0x4a4d52", "0xd8d8d8", "0x22252a"
BAR = 0.04  # height of the desktop's bars, share of the picture
SOUND = ("-c:a", "aac", "-b:a", "128k")


def ffmpeg(output: Path, *arguments: str) -> None:
    """Run ffmpeg with these arguments before the name of its output, which appears whole.

    Raises:
        OutputError: it failed; the message has its last line.
    """
    with atomic_write(output) as temporary:
        command = [media.ffmpeg_binary(), "-y", "-nostdin", "-v", "error", *arguments]
        ran = subprocess.run([*command, str(temporary)], capture_output=True, text=True)  # noqa: S603
        if ran.returncode:
            why = (ran.stderr.strip().splitlines() or ["no message"])[-1]
            raise OutputError(f"{output}: ffmpeg failed ({why})")


def real_name(piece: Piece) -> str:
    """File name of the piece as it was recorded."""
    return f"{piece.name}{'.mkv' if piece.start_s is not None else piece.source.suffix}"


def write_real(piece: Piece, output: Path) -> None:
    """Write the piece: the footage's own stream, or, if cut, encoded again without visible loss.

    Sound that is not this person's own is left out.
    """
    source = ["-i", str(piece.source), "-map", "0:v:0"]
    sound = ["-map", "0:a:0?"] if piece.own_sound else []
    if piece.start_s is not None:
        part = ["-ss", f"{piece.start_s:g}", "-t", f"{PIECE_S:g}"]
        coding = ["-c:v", "libx264", "-crf", str(CUT_CRF), "-preset", "fast", "-c:a", "flac"]
        ffmpeg(output, *part, *source, *sound, *coding)
    elif piece.own_sound:
        with atomic_write(output) as temporary:
            shutil.copyfile(piece.source, temporary)
    else:
        ffmpeg(output, *source, "-c", "copy")


def write_recompressed(real: Path, output: Path, crf: int) -> None:
    """Write a copy as a platform that compresses at this quality makes it."""
    _encode(real, output, crf)


def is_small(real: Path) -> bool:
    """Whether the picture is already no higher than the small variant."""
    return media.probe(real).height <= SMALL_HEIGHT


def write_small(real: Path, output: Path) -> None:
    """Write a copy of small height."""
    _encode(real, output, SMALL_CRF, "-vf", f"scale=-2:{SMALL_HEIGHT}:flags=bicubic,setsar=1")


def write_screen(real: Path, output: Path) -> None:
    """Write a copy that looks like a recording of a screen on which the piece is played."""
    info = media.probe(real)
    width, height = (size - size % 2 for size in (info.width, info.height))
    w, h = (round(SCREEN_SCALE * size / 2) * 2 for size in (width, height))
    x, y, bar = (width - w) // 4 * 2, (height - h) // 4 * 2, round(BAR * height)
    chain = (
        f"scale={w}:{h}:flags=bilinear,setsar=1,format=yuv420p,"
        f"pad={width}:{height}:{x}:{y}:color={DESKTOP},"
        f"drawbox=x={x}:y={y - bar}:w={w}:h={bar}:color={TITLE_BAR}:t=fill,"
        f"drawbox=x=0:y={height - bar}:w={width}:h={bar}:color={TASK_BAR}:t=fill,fps={SCREEN_FPS}"
    )
    _encode(real, output, SCREEN_CRF, "-vf", chain, "-preset", "veryfast")


def _encode(real: Path, output: Path, crf: int, *more: str) -> None:
    maps = ["-map", "0:v:0", "-map", "0:a:0?", "-map_metadata", "-1"]
    # With frame times as they are, unless a filter decides on them.
    times = [] if "fps=" in " ".join(more) else ["-fps_mode", "passthrough"]
    coding = ["-c:v", "libx264", "-crf", str(crf), *more, *times, *SOUND]
    ffmpeg(output, "-i", str(real), *maps, *coding)
