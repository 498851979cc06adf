"""Cases of input of every kind, made from a few seconds of real footage, for footage.md.

A case has a name, a recipe of its target, and arguments of the render. Add new ones to CASES.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lipsync import media

SECONDS, SPEECH_SECONDS = 3.2, 3.0
FLASH_EVERY_S, FLASH_S = 0.8, 0.15  # white for so long in the corner of the picture, else black
FLASH_PX = 32
FLASH = (
    f"drawbox=0:0:{FLASH_PX}:{FLASH_PX}:black:fill,"
    f"drawbox=0:0:{FLASH_PX}:{FLASH_PX}:white:fill"
    f":enable='between(mod(t+0.001\\,{FLASH_EVERY_S})\\,0\\,{FLASH_S})'"
)
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-pix_fmt", "yuv420p")
QUICK10 = "-c:v libx265 -preset ultrafast -crf 12 -x265-params log-level=error"
HEVC10 = tuple(QUICK10.split())
TEN = (*HEVC10, "-pix_fmt", "yuv420p10le")


def run_ffmpeg(*arguments: str) -> None:
    """Run ffmpeg with these arguments."""
    command = [media.ffmpeg_binary(), "-y", "-nostdin", "-v", "error", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@dataclass(frozen=True)
class SourceClips:
    """The clips that all targets are made of."""

    folder: Path
    data: Path  # all real footage and speech
    target: Path  # 30 fps, 480 × 320, the flash in its corner, its own sound
    speech: Path  # another's voice, 48 kHz

    @staticmethod
    def of(data: Path, folder: Path) -> SourceClips:
        """Cut real footage and real speech to a few seconds."""
        target, speech = folder / "base.mkv", folder / "speech.wav"
        run_ffmpeg(
            *("-i", str(data / "targets" / "englishvideo.mp4"), "-t", str(SECONDS)),
            *("-vf", f"scale=480:320,{FLASH}", *X264, "-c:a", "flac", str(target)),
        )
        run_ffmpeg(
            *("-ss", "0.2", "-i", str(data / "speech" / "LJ001-0001.wav")),
            *("-t", str(SPEECH_SECONDS), "-ar", "48000", str(speech)),
        )
        return SourceClips(folder, data, target, speech)


Make = Callable[[SourceClips, Path], None]
# What else `lipsync.render` is given, made in this folder; `face` is an option.
RenderArguments = Callable[[SourceClips, Path], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """One row: a target, a speech, an output, and arguments of the render."""

    name: str
    suffix: str  # of the target
    make: Make
    output: str = ".mp4"
    options: dict[str, Any] = field(default_factory=dict)
    speech: Make | None = None  # None: the base's
    still: bool = False  # no flash to be seen
    timed: bool = False  # pictures come at other times than in the target
    inputs: RenderArguments | None = None  # further inputs of the render
    face: str = "largest"  # whose mouth is measured
    spans: tuple[tuple[float, float], ...] = ()  # where it speaks, seconds; (): throughout
    begins: float = 0.0  # the speech in the output
    warns: str = ""  # words of a warning that is expected


def coded(base: SourceClips, path: Path, *arguments: str, before: tuple[str, ...] = ()) -> None:
    run_ffmpeg(*before, "-i", str(base.target), *arguments, str(path))


def to(*arguments: str, before: tuple[str, ...] = ()) -> Make:
    """Make a target with one call of ffmpeg; H.264 and AAC by default."""
    given = " ".join(arguments)
    video = () if "-c:v" in given or "-c copy" in given else X264
    audio = () if "-c:a" in given or "-an" in given or "-c copy" in given else ("-c:a", "aac")
    return lambda base, path: coded(base, path, *arguments, *video, *audio, before=before)


def then(first: Make, name: str, *arguments: str, before: tuple[str, ...] = ()) -> Make:
    """Make a target from another one."""

    def make(base: SourceClips, path: Path) -> None:
        middle = base.folder / name
        first(base, middle)
        run_ffmpeg(*before, "-i", str(middle), *arguments, str(path))

    return make


def delay(stream: str, seconds: float) -> Make:
    """Delay one stream of the base clip against the other."""
    other = "a" if stream == "v" else "v"

    def make(base: SourceClips, path: Path) -> None:
        run_ffmpeg(
            *("-itsoffset", str(seconds), "-i", str(base.target), "-i", str(base.target)),
            *("-map", f"0:{stream}", "-map", f"1:{other}", *X264, "-c:a", "aac", str(path)),
        )

    return make


def corrupt(first: Make, name: str, begin: float, size: int) -> Make:
    """Zero `size` bytes of a target, from the share `begin` of its length on."""

    def make(base: SourceClips, path: Path) -> None:
        first(base, base.folder / name)
        data = bytearray((base.folder / name).read_bytes())
        at = round(begin * len(data))
        data[at : at + size] = bytes(len(data[at : at + size]))
        path.write_bytes(data)

    return make


def cut(first: Make, name: str, share: float) -> Make:
    """Truncate a target to this share of its length."""

    def make(base: SourceClips, path: Path) -> None:
        first(base, base.folder / name)
        data = (base.folder / name).read_bytes()
        path.write_bytes(data[: round(share * len(data))])

    return make


def speech_late(base: SourceClips, path: Path) -> None:
    """A speech file with video, whose sound begins half a second late."""
    run_ffmpeg(
        *("-i", str(base.target), "-itsoffset", "0.5", "-i", str(base.speech), "-map", "0:v"),
        *("-map", "1:a", "-t", str(SPEECH_SECONDS), "-c:v", "copy", "-c:a", "flac", str(path)),
    )


def long_speech(base: SourceClips, path: Path) -> None:
    run_ffmpeg("-stream_loop", "1", "-i", str(base.speech), str(path))


def two_tracks(base: SourceClips, path: Path) -> None:
    run_ffmpeg(
        *("-i", str(base.target), "-f", "lavfi", "-i", f"sine=120:duration={SECONDS}"),
        *("-map", "0:v", "-map", "0:a", "-map", "1:a", *X264, "-c:a", "aac", str(path)),
    )


def with_titles(base: SourceClips, path: Path, codec: str) -> None:
    """Add subtitles, two chapters and a title."""
    subtitles, chapters = base.folder / "s.srt", base.folder / "c.txt"
    subtitles.write_text("1\n00:00:00,500 --> 00:00:01,500\nHello\n")
    chapters.write_text(
        ";FFMETADATA1\ntitle=A title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3000\ntitle=Two\n"
    )
    run_ffmpeg(
        *("-i", str(base.target), "-i", str(subtitles), "-i", str(chapters)),
        *("-map", "0", "-map", "1", "-map_metadata", "2", "-map_chapters", "2", *X264),
        *("-c:a", "aac", "-c:s", codec, str(path)),
    )


def fps(rate: str) -> Make:
    return to("-vf", f"fps={rate}")


JITTER = "select='not(eq(mod(n,7),3))*not(eq(mod(n,11),5))',settb=1/90000,setpts='PTS+mod(N,2)*180'"
HOLES = "select='not(between(mod(n,30),12,24))'"
VFR = ("-fps_mode", "vfr", "-enc_time_base", "1:90000")
PQ = (
    "zscale=transferin=709:primariesin=709:matrixin=170m:transfer=smpte2084:primaries=2020:"
    "matrix=2020_ncl:npl=203,format=yuv420p10le"
)
HLG = PQ.replace("smpte2084", "arib-std-b67")
HDR_TAGS = ("-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_trc")
TS = to("-bf", "2", "-g", "15")
FADE = "format=yuva444p10le,geq=lum='p(X,Y)':a='1023*gt(X,60)'"

CASES = (
    Case("plain", ".mp4", to()),
    *(
        Case(f"{rate} fps", ".mp4", fps(rate))
        for rate in ("24000/1001", "25", "30000/1001", "60000/1001", "120")
    ),
    Case("29.97 fps in Matroska", ".mkv", fps("30000/1001"), output=".mkv"),
    Case("varying rate", ".mp4", to("-vf", JITTER, *VFR)),
    Case("varying rate, Matroska", ".mkv", to("-vf", JITTER, *VFR), output=".mkv"),
    Case("varying rate, made constant", ".mp4", to("-vf", JITTER, *VFR),
         options={"frame_rate": "constant"}, warns="its frame rate varies"),
    Case("varying rate, pictures that stay", ".mp4", to("-vf", HOLES, *VFR), warns="would stop"),
    Case("varying rate, kept all the same", ".mp4", to("-vf", HOLES, *VFR),
         options={"frame_rate": "keep"}),
    Case("varying rate, longer speech", ".mp4", to("-vf", JITTER, *VFR), speech=long_speech,
         timed=True, warns="longer than the target"),
    Case("longer speech", ".mp4", to(), speech=long_speech, timed=True),
    Case("picture begins 0.4 s late", ".mp4", delay("v", 0.4)),
    Case("picture begins 0.4 s late, Matroska", ".mkv", delay("v", 0.4)),
    Case("sound begins 0.4 s late", ".mp4", delay("a", 0.4),
         options={"audio_mix": "background+speech"}),
    Case("speech begins 0.5 s late", ".mp4", to(), speech=speech_late),
    Case("edit list", ".mp4",
         then(to("-g", "90"), "whole.mp4", "-c", "copy", before=("-ss", "0.4")),
         speech=lambda base, path: run_ffmpeg("-i", str(base.speech), "-t", "2.6", str(path))),
    Case("transport stream, begins at 1.4 s", ".ts", TS),
    *(
        Case(f"turned by {degrees}°", ".mp4",
             then(to("-vf", f"rotate={degrees}*PI/180:ow={ow}:oh={oh}"), f"t{degrees}.mp4", "-c",
                  "copy", before=("-display_rotation", str(degrees))))
        for degrees, ow, oh in ((90, "ih", "iw"), (180, "iw", "ih"), (270, "ih", "iw"))
    ),
    Case("mirrored", ".mp4",
         then(to("-vf", "hflip"), "h.mp4", "-c", "copy", before=("-display_hflip",))),
    Case("upside down by its tag", ".mp4",
         then(to("-vf", "vflip"), "v.mp4", "-c", "copy", before=("-display_vflip",))),
    Case("turned and mirrored", ".mp4",
         then(to("-vf", "hflip,rotate=PI/2:ow=ih:oh=iw"), "th.mp4", "-c", "copy",
              before=("-display_rotation", "90", "-display_hflip"))),
    Case("odd size", ".mkv",
         to("-vf", "scale=481:321,setsar=1", "-c:v", "libx264", "-crf", "12", "-pix_fmt",
            "yuv444p")),
    Case("pixels wider than high", ".mp4", to("-vf", "scale=360:320,setsar=4/3")),
    Case("pixels higher than wide", ".mp4", to("-vf", "scale=480:240,setsar=3/4")),
    Case("interlaced H.264", ".mp4",
         to("-vf", "fps=60,tinterlace=interleave_top,setfield=tff", "-flags", "+ilme+ildct",
            "-x264-params", "tff=1"), warns="interlaced"),
    Case("interlaced MPEG-2", ".mpg",
         to("-vf", "fps=50,tinterlace=interleave_bottom,setfield=bff", "-c:v", "mpeg2video",
            "-q:v", "2", "-flags", "+ilme+ildct", "-c:a", "mp2"), warns="interlaced"),
    Case("10-bit HEVC", ".mp4", to(*TEN), warns="10 bits"),
    Case("10-bit ProRes", ".mov", to("-c:v", "prores_ks", "-c:a", "pcm_s16le"), output=".mov",
         warns="10 bits"),
    Case("PQ", ".mp4", to("-vf", PQ, *HEVC10, *HDR_TAGS, "smpte2084"), warns="PQ is kept"),
    Case("PQ, tone-mapped", ".mp4", to("-vf", PQ, *HEVC10, *HDR_TAGS, "smpte2084"),
         options={"hdr": "tonemap"}, warns="tone-mapped"),
    Case("HLG", ".mp4", to("-vf", HLG, *HEVC10, *HDR_TAGS, "arib-std-b67"), warns="HLG is kept"),
    Case("PQ into VP9", ".mp4", to("-vf", PQ, *HEVC10, *HDR_TAGS, "smpte2084"), output=".webm",
         warns="PQ is kept"),
    Case("full range, BT.709", ".mp4",
         to("-vf", "scale=out_range=pc:out_color_matrix=bt709,format=yuv420p", "-color_range", "pc",
            "-colorspace", "bt709")),
    Case("transparent ProRes", ".mov",
         to("-vf", FADE, "-c:v", "prores_ks", "-profile:v", "4444", "-c:a", "pcm_s16le"),
         still=True, warns="partly transparent"),
    Case("transparent VP9", ".webm",
         to("-vf", "format=yuva420p,geq=lum='p(X,Y)':a='255*gt(X,60)'", "-c:v", "libvpx-vp9",
            "-crf", "20", "-b:v", "0", "-cpu-used", "8", "-deadline", "realtime", "-c:a",
            "libopus"), still=True, warns="partly transparent"),
    Case("still PNG", ".png", to("-frames:v", "1", "-c:v", "png", "-an"), still=True),
    Case("transparent PNG", ".png",
         to("-vf", "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*gt(X,60)'",
            "-frames:v", "1", "-c:v", "png", "-an"), still=True, warns="partly transparent"),
    Case("no sound", ".mp4", to("-an")),
    Case("background without sound", ".mp4", to("-an"), options={"audio_mix": "background+speech"},
         warns="no sound for a background"),
    Case("second sound track as background", ".mkv", two_tracks,
         options={"audio_mix": "background+speech", "background_track": 2}),
    Case("damage inside, H.264 in mp4", ".mp4", corrupt(to("-g", "15"), "whole1.mp4", 0.4, 6000),
         warns="damaged"),
    Case("damage inside, transport stream", ".ts", corrupt(TS, "whole.ts", 0.4, 6000)),
    Case("damage inside, lost pictures", ".mkv",
         corrupt(to("-c:v", "ffv1", "-slicecrc", "1", "-c:a", "flac"), "whole.mkv", 0.4, 300000),
         warns="are missing"),
    Case("ends too early, Matroska", ".mkv", cut(to(), "whole2.mkv", 0.8), timed=True),
    Case("ends too early, mp4", ".mp4", cut(to("-movflags", "+faststart"), "whole3.mp4", 0.8),
         timed=True, warns="ends too early"),
    Case("MPEG-4 in AVI", ".avi", to("-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-c:a", "mp3")),
    Case("motion JPEG", ".mov",
         to("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")),
    Case("VP9", ".webm",
         to("-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", "-deadline", "realtime", "-cpu-used",
            "8", "-c:a", "libopus")),
    Case("AV1", ".mp4", to("-c:v", "libsvtav1", "-preset", "12", "-crf", "20")),
    Case("WMV", ".wmv", to("-c:v", "wmv2", "-q:v", "2", "-c:a", "wmav2")),
    Case("bare H.264", ".h264", to("-an")),
    Case("into .mov", ".mp4", to(), output=".mov"),
    Case("into .webm", ".mp4", to(), output=".webm"),
    Case("into PNG frames", ".mp4", to(), output="/"),
    Case("PQ into PNG frames", ".mp4", to("-vf", PQ, *HEVC10, *HDR_TAGS, "smpte2084"), output="/",
         warns="tone-mapped"),
    Case("into a pipe", ".mp4", to(), output="-", warns="a pipe has no sidecar"),
    Case("subtitles and chapters, mp4", ".mp4", partial(with_titles, codec="mov_text")),
    Case("subtitles and chapters, mkv to mp4", ".mkv", partial(with_titles, codec="subrip")),
)  # fmt: skip
