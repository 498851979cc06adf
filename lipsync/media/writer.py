"""ffmpeg's graph that turns RGB frames and a sound into a file or a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import ffmpeg

from lipsync.media.ffmpeg_process import Process, url
from lipsync.media.formats import Format
from lipsync.media.frames import SCALE_FLAGS
from lipsync.media.output_sound import Soundtrack
from lipsync.media.passthrough import Carried
from lipsync.media.sound import probe_audio, sample_exact
from lipsync.media.vfr_writer import StampedProcess, timescale
from lipsync.media.video_info import yuv_coding
from lipsync.types import U8, VideoInfo

# libvpx's own scale of effort, by x264's names.
_VP9_EFFORT = {"ultrafast": 8, "veryfast": 6, "faster": 5, "fast": 4, "medium": 3, "slow": 2}

# Steps of the quantiser by which colours are kept finer than the luma: a new mouth's seam shows
# first as a tint of the skin.
CHROMA_QP = -8


class Writer(Protocol):
    """Takes frames one by one and is finished at the end; leaving its context frees it."""

    def feed(self, frame: U8) -> bool:
        """Take a frame; False if it can take no more."""

    def finish(self) -> int:
        """Write the rest; 0: all went well."""

    @property
    def complaint(self) -> str:
        """What went wrong; empty if nothing did."""

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
    carried: Carried | None = None,
    onward: Callable[[bytes], object] | None = None,
) -> Process:
    """Start ffmpeg writing `path`; feed it RGB frames of `info`'s size.

    The picture has `info`'s times, depth and colour coding. The sound is copied where the
    container can hold it and the copy would be in sync to the sample, else coded anew; without
    `sound` the result is silent.

    Args:
        tags: of the container.
        onward: is given the stream instead of `path`.

    Raises:
        AudioError: there is no sound.
    """
    arguments = ffmpeg.output(
        _picture(info, form),
        *([sound.stream()] if sound is not None else []),
        "pipe:1" if onward else url(path),
        format=form.muxer,
        **form.flags,
        **_video_coding(info, form, crf, preset),
        **(_sound_coding(sound, form) if sound is not None else {}),
    ).get_args()
    arguments = _with_carried(arguments, carried)
    for name, text in tags.items():
        arguments[-1:-1] = ["-metadata", f"{name}={text}"]
    if info.stamps is None:
        return Process(arguments, feed=True, onward=onward)
    return StampedProcess(arguments, info, onward=onward)


def _sound_coding(sound: Soundtrack, form: Format) -> Mapping[str, str]:
    codec = probe_audio(sound.path).codec
    if sound.copyable and codec in form.copied and sample_exact(sound.path):
        return {"c:a": "copy"}
    return form.sound


def _with_carried(arguments: list[str], carried: Carried | None) -> list[str]:
    """Arguments whose output has what is carried over, and nothing of the speech file's own tags.

    ffmpeg-python knows inputs only by their streams, and here tags and chapters are wanted: the
    target becomes one more input behind all others.
    """
    if carried is None:
        return [*arguments[:-1], "-map_metadata", "-1", "-map_chapters", "-1", arguments[-1]]
    places = [i for i, argument in enumerate(arguments) if argument == "-i"]
    number, behind = str(len(places)), places[-1] + 2
    late = ["-itsoffset", f"{float(-carried.skipped):.6f}"] if carried.skipped else []
    mapped = ["-map_metadata", number, "-map_metadata:s:a", "-1", "-map_chapters", number]
    for k, (i, how) in enumerate(carried.subtitles):
        mapped += ["-map", f"{number}:s:{i}", f"-c:s:{k}", how]
        mapped += [f"-map_metadata:s:s:{k}", f"{number}:s:s:{i}"]
    # Subtitles and chapters end with the output; rounding must not cost picture or sound its end.
    mapped += ["-t", f"{float(carried.duration) + 0.001:.6f}"]
    return [
        *arguments[:behind], *late, "-i", url(carried.path),
        *arguments[behind:-1], *mapped, arguments[-1],
    ]  # fmt: skip


def _video_coding(info: VideoInfo, form: Format, crf: int, preset: str) -> dict[str, Any]:
    """The codec of the picture and how hard it tries."""
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
            coding["video_track_timescale"] = timescale(info)
    return coding


def vp9_crf(crf: int) -> int:
    """The constant quality of VP9 (0–63) whose pictures lose as much as those of x264 (0–51).

    Measured on our footage: 16 is the same in both (44.8 dB), 33 is x264's 23 (40.2 dB).
    """
    return min(63, round(crf if crf <= 16 else 16 + (crf - 16) * 17 / 7))


def _picture(info: VideoInfo, form: Format) -> Any:
    """RGB from our pipe → the target's own YUV coding, tagged as the target is."""
    matrix, coded_range = yuv_coding(info)
    # 4:2:0 needs even sizes; an odd picture keeps its size and all its colour.
    odd = info.width % 2 or info.height % 2
    tags = info.color
    if info.stamps is None:
        raw = {"format": "rawvideo", "pix_fmt": "rgb24", "framerate": str(info.fps)}
        source = ffmpeg.input("pipe:", video_size=(info.width, info.height), **raw)
    else:
        source = ffmpeg.input("pipe:", format="nut")
    return (
        source["v:0"]
        .filter(
            "scale",
            flags=SCALE_FLAGS,
            in_range="pc",
            out_color_matrix=matrix,
            out_range=coded_range,
        )
        .filter("format", ("yuv444p" if odd else "yuv420p") + ("10le" if info.depth > 8 else ""))
        # Where the target says nothing, we say nothing: players then guess alike for both.
        .filter(
            "setparams",
            color_primaries=tags.primaries or "unknown",
            color_trc=tags.transfer or "unknown",
            colorspace=tags.space or "unknown",
            range=tags.range or "unknown",
        )
    )
