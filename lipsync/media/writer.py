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
from lipsync.media.video_encoders import Encoder, VideoEncoder, choose_encoder
from lipsync.media.video_info import yuv_coding
from lipsync.types import U8, VideoInfo


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
    encoder: Encoder = "auto",
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
    chosen = choose_encoder(encoder, form, info.depth)
    arguments = ffmpeg.output(
        _picture(info, frame_coding, chosen),
        *([sound.stream(form)] if sound is not None else []),
        "pipe:1" if sink else url(path),
        format=form.muxer,
        **form.flags,
        **_video_coding(info, form, chosen, crf, preset, scale),
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
    info: VideoInfo, form: Format, encoder: VideoEncoder, crf: int, preset: str, scale: int | None
) -> dict[str, Any]:
    """Options of the video codec."""
    coding = encoder.coding(crf, preset, info.depth)
    # Players of these boxes know HEVC only under this name.
    coding |= {"tag:v": "hvc1"} if form.boxes and encoder.codec == "hevc" else {}
    if info.stamps is not None:
        coding |= {"fps_mode": "passthrough", "enc_time_base:v": "demux"}
        if form.boxes:
            coding["video_track_timescale"] = scale or timescale(info)
    return coding


def _picture(info: VideoInfo, frame_coding: FrameCoding, encoder: VideoEncoder) -> Any:
    """What comes from our pipe → the target's YUV coding and tags, as the encoder takes it."""
    matrix, coded_range = yuv_coding(info)
    pixels = encoder.pixel_format(info.depth, bool(info.width % 2 or info.height % 2))
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
        ).filter("format", pixels)
    elif pixels != frame_coding.pixel_format:
        picture = picture.filter("format", pixels)  # the same samples in another order
    # Untagged targets give untagged outputs: players then guess alike for both.
    picture = picture.filter(
        "setparams",
        color_primaries=tags.primaries or "unknown",
        color_trc=tags.transfer or "unknown",
        colorspace=tags.space or "unknown",
        range=tags.range or "unknown",
    )
    return encoder.prepare(picture)
