"""ffmpeg's graph that encodes frames and sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import ffmpeg

from lipsync.media.ffmpeg_process import FfmpegProcess, url
from lipsync.media.formats import Format
from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.media.frames import SCALE_FLAGS
from lipsync.media.output_sound import Soundtrack
from lipsync.media.passthrough import Passthrough
from lipsync.media.vfr_writer import VfrProcess, timescale
from lipsync.media.video_info import yuv_coding
from lipsync.types import U8, VideoInfo

# libvpx's effort (cpu-used) for x264's preset names.
_VP9_EFFORT = {"ultrafast": 8, "veryfast": 6, "faster": 5, "fast": 4, "medium": 3, "slow": 2}

# Quantizer offset of chroma against luma: a seam around the new mouth shows first as a tint of the
# skin.
CHROMA_QP = -8


class Writer(Protocol):
    """Receives frames one by one; call `finish` at the end. Leaving its context frees it."""

    def feed(self, frame: U8) -> bool:
        """Write a frame; False if that failed."""

    def finish(self) -> int:
        """Write the rest; 0: success."""

    @property
    def error_line(self) -> str:
        """What went wrong; empty after success."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: Any) -> None: ...


def video_writer(
    info: VideoInfo,
    sound: Soundtrack | None,
    path: Path,
    form: Format,
    *,
    crf: int,
    preset: str,
    tags: Mapping[str, str],
    passthrough: Passthrough | None = None,
    sink: Callable[[bytes], object] | None = None,
    scale: int | None = None,
    frame_coding: FrameCoding = RGB,
    threads: int | None = None,
) -> FfmpegProcess:
    """Start ffmpeg writing `path`; feed it frames of `info`'s size.

    The picture has `info`'s times, depth and color coding. The sound is coded as it says
    (`Soundtrack.coding`); without `sound` the output is silent.

    Args:
        tags: of the container.
        sink: receives the stream, which is then not written to `path`.
        scale: ticks per second of irregular times; None: as few as `info`'s need.
        frame_coding: of the frames.
        threads: of the encoder; None: as many as it likes.

    Raises:
        AudioError: there is no sound.
    """
    arguments = ffmpeg.output(
        _picture(info, frame_coding),
        *([sound.stream(form)] if sound is not None else []),
        "pipe:1" if sink else url(path),
        format=form.muxer,
        **form.flags,
        **_video_coding(info, form, crf, preset, scale),
        **({} if threads is None else {"threads:v": threads}),
        **(sound.coding(form) if sound is not None else {}),
    ).get_args()
    arguments = finish_arguments(arguments, passthrough, tags)
    if info.stamps is None:
        return FfmpegProcess(arguments, feed=True, sink=sink)
    return VfrProcess(
        arguments, info, sink=sink, scale=scale, pixel_format=frame_coding.pixel_format
    )


def finish_arguments(
    arguments: list[str], passthrough: Passthrough | None, tags: Mapping[str, str]
) -> list[str]:
    """ffmpeg's arguments with what is kept of the target, and the output's own tags."""
    arguments = _with_passthrough(arguments, passthrough)
    for name, text in tags.items():
        arguments[-1:-1] = ["-metadata", f"{name}={text}"]
    return arguments


def _with_passthrough(arguments: list[str], passthrough: Passthrough | None) -> list[str]:
    """Arguments that map the target's subtitles, chapters and tags, and no tags of the speech file.

    ffmpeg-python can map streams, but no tags and chapters: the target becomes an additional last
    input.
    """
    if passthrough is None:
        return [*arguments[:-1], "-map_metadata", "-1", "-map_chapters", "-1", arguments[-1]]
    places = [i for i, argument in enumerate(arguments) if argument == "-i"]
    number, behind = str(len(places)), places[-1] + 2
    late = (
        ["-itsoffset", f"{float(-passthrough.start_offset):.6f}"]
        if passthrough.start_offset
        else []
    )
    mapped = ["-map_metadata", number, "-map_metadata:s:a", "-1", "-map_chapters", number]
    for k, (i, how) in enumerate(passthrough.subtitles):
        mapped += ["-map", f"{number}:s:{i}", f"-c:s:{k}", how]
        mapped += [f"-map_metadata:s:s:{k}", f"{number}:s:s:{i}"]
    # Subtitles and chapters end with the output; rounding must not cut picture or sound.
    mapped += ["-t", f"{float(passthrough.duration) + 0.001:.6f}"]
    return [
        *arguments[:behind], *late, "-i", url(passthrough.path),
        *arguments[behind:-1], *mapped, arguments[-1],
    ]  # fmt: skip


def _video_coding(
    info: VideoInfo, form: Format, crf: int, preset: str, scale: int | None
) -> dict[str, Any]:
    """Options of the video codec."""
    if form.vp9:
        effort = _VP9_EFFORT.get(preset, 1)
        coding = {"c:v": "libvpx-vp9", "crf:v": vp9_crf(crf), "b:v": 0, "row-mt": 1}
        coding |= {"deadline": "good", "cpu-used": effort}
    elif info.depth > 8:
        coding = {"c:v": "libx265", "crf:v": crf, "preset:v": preset}
        offsets = f"cbqpoffs={CHROMA_QP}:crqpoffs={CHROMA_QP}"
        coding |= {"x265-params": f"log-level=error:repeat-headers=0:{offsets}"}
        coding |= {"tag:v": "hvc1"} if form.boxes else {}
    else:
        coding = {"c:v": "libx264", "crf:v": crf, "preset:v": preset}
        coding |= {"x264-params": f"chroma-qp-offset={CHROMA_QP}"}
    if info.stamps is not None:
        coding |= {"fps_mode": "passthrough", "enc_time_base:v": "demux"}
        if form.boxes:
            coding["video_track_timescale"] = scale or timescale(info)
    return coding


def vp9_crf(crf: int) -> int:
    """VP9's constant quality (0–63) of the same PSNR as x264's (0–51).

    Measured on GRID: 16 is the same in both (44.8 dB), 33 corresponds to x264's 23 (40.2 dB).
    """
    return min(63, round(crf if crf <= 16 else 16 + (crf - 16) * 17 / 7))


def _picture(info: VideoInfo, frame_coding: FrameCoding) -> Any:
    """What comes from our pipe → the target's YUV coding and tags."""
    matrix, coded_range = yuv_coding(info)
    # 4:2:0 needs even sizes; an odd picture keeps its size in 4:4:4.
    odd = info.width % 2 or info.height % 2
    tags = info.color
    if info.stamps is None:
        raw = {
            "format": "rawvideo",
            "pix_fmt": frame_coding.pixel_format,
            "framerate": str(info.fps),
        }
        source = ffmpeg.input("pipe:", video_size=(info.width, info.height), **raw)
    else:
        source = ffmpeg.input("pipe:", format="nut")
    picture = source["v:0"]
    if frame_coding is RGB:
        picture = picture.filter(
            "scale",
            flags=SCALE_FLAGS,
            in_range="pc",
            out_color_matrix=matrix,
            out_range=coded_range,
        ).filter("format", ("yuv444p" if odd else "yuv420p") + ("10le" if info.depth > 8 else ""))
    # Untagged targets give untagged outputs: players then guess alike for both.
    return picture.filter(
        "setparams",
        color_primaries=tags.primaries or "unknown",
        color_trc=tags.transfer or "unknown",
        colorspace=tags.space or "unknown",
        range=tags.range or "unknown",
    )
