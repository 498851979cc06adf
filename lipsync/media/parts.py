"""The picture of an output in parts: cut at fixed frames, encoded one by one, joined as they are.

Every part is a file of closed groups of pictures with its own clock; `lipsync.media.video_encoders`
says what that takes. To join them their packets are
copied with the times that they have in the output; no picture is encoded twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg

from lipsync.errors import OutputError
from lipsync.media.encode import EncodeOptions, write_all
from lipsync.media.ffmpeg_process import FfmpegProcess, url
from lipsync.media.formats import FORMATS, Format
from lipsync.media.frame_coding import RGB, FrameCoding
from lipsync.media.output_sound import Soundtrack
from lipsync.media.passthrough import Passthrough
from lipsync.media.vfr_writer import timescale
from lipsync.media.writer import finish_arguments, video_writer
from lipsync.types import U8, VideoInfo

# Seconds of an output's part: what is lost when a render is stopped, and what processes share.
PART_S = 5.0
SUFFIX = ".mp4"  # of parts: exact times, and every codec that is written here


def split_frames(count: int, fps: Fraction) -> list[range]:
    """The frames of every part of an output of `count` frames."""
    length = max(1, round(PART_S * fps))
    return [range(first, min(count, first + length)) for first in range(0, count, length)]


def part_starts(parts: Sequence[range], info: VideoInfo) -> list[Fraction]:
    """When every part begins, seconds."""
    if info.stamps is not None:
        return [info.stamps[part.start] for part in parts]
    return [part.start / info.fps for part in parts]


def encode_part(
    frames: Iterable[U8], part: range, info: VideoInfo, place: Path, form: Format,
    options: EncodeOptions, frame_coding: FrameCoding = RGB, threads: int | None = None,
) -> None:  # fmt: skip
    """Encode the frames of a part as they are encoded in a file of that format.

    Args:
        info: of the target, with the times of the output.
        place: of the part; ends in SUFFIX.
        threads: of the encoder; None: as many as it likes.

    Raises:
        OutputError: it cannot be written.
    """
    coded = replace(FORMATS[SUFFIX], vp9=form.vp9, flags={})
    scale = None
    if info.stamps is not None:
        scale = timescale(info)
        stamps = info.stamps[part.start : part.stop]
        info = replace(info, stamps=tuple(one - stamps[0] for one in stamps))
    writer = video_writer(
        info, None, place, coded, crf=options.crf, preset=options.preset, encoder=options.encoder,
        tags={}, scale=scale, frame_coding=frame_coding, threads=threads,
    )  # fmt: skip
    with writer:
        if write_all(frames, info, writer, place, frame_coding) != len(part):
            raise ValueError(f"encode_part: wanted {len(part)} frames, got fewer")


def join_parts(places: Sequence[Path], starts: Sequence[Fraction], joined: Path) -> None:
    """Copy the pictures of parts into one file.

    Args:
        starts: of every part in the output, seconds.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with av.open(str(joined), "w", format="mp4") as output:
            stream: Any = None
            for place, start in zip(places, starts, strict=True):
                with av.open(str(place)) as part:
                    source = part.streams.video[0]
                    if stream is None:
                        stream = output.add_stream_from_template(source)
                        stream.time_base = source.time_base
                    _copy_packets(part, source, start, output, stream)
    except (av.FFmpegError, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"{joined}: cannot be written ({why})") from None


def share_parameters(places: Sequence[Path]) -> bool:
    """Whether parts have the same parameter sets; a joined file has those of the first.

    An encoder in hardware may write others under another driver or on another chip, which parts of
    an earlier run can have met. Not for libx265: it notes there on how many cores it ran.
    """
    return len({_read_parameters(place) for place in places}) <= 1


def _read_parameters(place: Path) -> bytes:
    with av.open(str(place)) as part:
        return part.streams.video[0].codec_context.extradata or b""


def _read_codec(place: Path) -> str:
    with av.open(str(place)) as file:
        return str(file.streams.video[0].codec_context.name)


def _copy_packets(part: Any, source: Any, start: Fraction, output: Any, stream: Any) -> None:
    """Copy the packets of a part, its first picture at `start` seconds."""
    shift = start / source.time_base
    if shift.denominator != 1:
        raise ValueError(f"join_parts: {start} s is no time of a clock of {source.time_base} s")
    for packet in part.demux(source):
        if packet.dts is None:  # the end
            continue
        packet.pts += shift.numerator
        packet.dts += shift.numerator
        packet.stream = stream
        output.mux(packet)


def mux(
    pictures: Path, info: VideoInfo, sound: Soundtrack | None, place: Path, form: Format,
    *, tags: Mapping[str, str], passthrough: Passthrough | None = None,
) -> None:  # fmt: skip
    """Write a file of coded pictures and of sound, as `encode_video` writes one.

    Args:
        pictures: from `join_parts`.
        info: of the target.

    Raises:
        OutputError: it cannot be written.
        AudioError: there is no sound in it.
    """
    coding: dict[str, Any] = {"c:v": "copy"}
    if form.boxes and _read_codec(pictures) == "hevc":
        coding["tag:v"] = "hvc1"
    if form.boxes and info.stamps is not None:
        coding["video_track_timescale"] = timescale(info)
    arguments = ffmpeg.output(
        ffmpeg.input(url(pictures))["v:0"],
        *([sound.stream(form)] if sound is not None else []),
        url(place),
        format=form.muxer,
        **form.flags,
        **coding,
        **(sound.coding(form) if sound is not None else {}),
    ).get_args()
    with FfmpegProcess(finish_arguments(arguments, passthrough, tags), feed=True) as process:
        if process.finish() != 0:
            why = process.error_line or "ffmpeg failed"
            raise OutputError(f"{place}: cannot be written ({why})")
