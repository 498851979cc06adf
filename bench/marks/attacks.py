"""What may happen to a marked video, as arguments of ffmpeg."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lipsync.media import ffmpeg_binary

# One thread: the bits do not depend on the machine's cores, so that the landmarks' cache holds.
_X264 = ("-c:v", "libx264", "-preset", "fast", "-threads", "1")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "6", "-threads", "1")
# The shorter side, as messengers count.
_SHORT_SIDE = "scale='if(lt(iw,ih),min({0},iw),-2)':'if(lt(iw,ih),-2,min({0},ih))'"


@dataclass(frozen=True)
class Attack:
    """One thing that happens to a video."""

    name: str
    arguments: tuple[str, ...]  # of ffmpeg, between input and output
    demanded: bool = False  # whether the mark has to survive it
    suffix: str = ".mp4"
    landmarks: str = ""  # of this attack's video instead, which shows the same and is harder

    def apply(self, source: Path, place: Path) -> None:
        """Write the attacked video."""
        command = [ffmpeg_binary(), "-y", "-nostdin", "-v", "error", "-i", str(source), "-an"]
        subprocess.run([*command, *self.arguments, str(place)], check=True)


def _x264(name: str, crf: int, filters: str = "", demanded: bool = False) -> Attack:
    chosen = ("-vf", filters) if filters else ()
    return Attack(name, (*chosen, *_X264, "-crf", str(crf)), demanded)


def _scaled(share: float) -> str:
    return f"scale=trunc(iw*{share}/2)*2:trunc(ih*{share}/2)*2"


_CRF28 = "x264 crf 28"
_CROP = "crop=trunc(iw*0.95/2)*2:trunc(ih*0.95/2)*2"

ATTACKS = (
    _x264(_CRF28, 28, demanded=True),  # first: others take its landmarks
    Attack("as the render writes it (crf 16)", ("-c", "copy"), True, landmarks=_CRF28),
    Attack("x264 crf 18", (*_X264, "-crf", "18"), True, landmarks=_CRF28),
    Attack("x264 crf 23", (*_X264, "-crf", "23"), True, landmarks=_CRF28),
    _x264("scaled to 75 %, crf 20", 20, _scaled(0.75), demanded=True),
    _x264("5 % cropped, crf 20", 20, _CROP, demanded=True),
    Attack("VP9 crf 32, realtime", (*_VP9, "-crf", "32", "-b:v", "0"), True, ".webm"),
    Attack(
        "messenger: 720p at most, 30 fps at most, 1 Mbit/s",
        (
            "-vf", _SHORT_SIDE.format(720), "-fpsmax", "30", "-c:v", "libx264", "-preset",
            "veryfast", "-threads", "1", "-b:v", "1M", "-maxrate", "1M", "-bufsize", "2M",
        ),
        True,
    ),
    _x264("x264 crf 35", 35),
    _x264("scaled to 50 %, crf 20", 20, _scaled(0.5)),
    _x264("scaled to 180p, crf 20", 20, _SHORT_SIDE.format(180)),
    _x264("5 s of it, crf 20", 20, "trim=2:7,setpts=PTS-STARTPTS"),
    _x264("3 s of it, crf 20", 20, "trim=2:5,setpts=PTS-STARTPTS"),
    _x264("turned by 5°, crf 20", 20, "rotate=5*PI/180"),
    _x264("10 % faster, crf 20", 20, "setpts=PTS/1.1,fps=source_fps"),
    _x264("mirrored, crf 20", 20, "hflip"),
    _x264("denoised in space and time (hqdn3d), crf 20", 20, "hqdn3d"),
    _x264("contrast × 1.2, brightness + 15, crf 20", 20, "eq=contrast=1.2:brightness=0.06"),
    _x264("screen recording: scaled to 80 %, 30 fps, crf 25", 25, f"{_scaled(0.8)},fps=30"),
    _x264(
        "one frame, shown for 4 s", 20,
        "trim=start_frame=50:end_frame=51,loop=loop=99:size=1,setpts=N/25/TB,fps=25",
    ),
)  # fmt: skip
