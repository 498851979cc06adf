"""ffmpeg's graph that turns RGB frames and a speech file into an mp4."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from lipsync.media.frames import SCALE_FLAGS
from lipsync.media.probe import yuv_coding
from lipsync.media.process import Process, url
from lipsync.media.sound import probe_audio, sample_exact
from lipsync.types import VideoInfo

# What mp4 holds and players play; any other sound becomes AAC.
COPIED_SOUND = frozenset(("aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"))


def mp4_writer(
    info: VideoInfo,
    speech: Path,
    path: Path,
    *,
    crf: int,
    preset: str,
    comment: str = "",
    ends: Fraction | None = None,
) -> Process:
    """Start ffmpeg writing `path`; feed it RGB frames of `info`'s size.

    The picture has `info`'s rate and colour coding; the sound is the first stream of `speech`,
    copied where mp4 can hold it and the copy would be in sync to the sample, else AAC at 192 kb/s;
    cut after `ends` seconds, if given.

    Raises:
        AudioError: no sound in `speech`.
    """
    copied = probe_audio(speech).codec in COPIED_SOUND and sample_exact(speech)
    coding = {"c:a": "copy"} if copied else {"c:a": "aac", "b:a": "192k"}
    length = {} if ends is None else {"t": f"{float(ends):.6f}"}
    graph = ffmpeg.output(
        _picture(info),
        ffmpeg.input(url(speech))["a:0"],
        url(path),
        format="mp4",
        movflags="+faststart",
        # Nothing of the speech file's own tags: title, cover text, place of recording.
        map_metadata=-1,
        map_chapters=-1,
        metadata=f"comment={comment}",
        **{"c:v": "libx264", "crf:v": crf, "preset:v": preset},
        **coding,
        **length,
    )
    return Process(graph, feed=True)


def _picture(info: VideoInfo) -> Any:
    """RGB from our pipe → the target's own YUV coding, tagged as the target is."""
    matrix, coded_range = yuv_coding(info)
    # 4:2:0 needs even sizes; an odd picture keeps its size and all its colour.
    odd = info.width % 2 or info.height % 2
    tags = info.color
    return (
        ffmpeg.input(
            "pipe:",
            format="rawvideo",
            pix_fmt="rgb24",
            video_size=(info.width, info.height),
            framerate=str(info.fps),
        )["v:0"]
        .filter(
            "scale",
            flags=SCALE_FLAGS,
            in_range="pc",
            out_color_matrix=matrix,
            out_range=coded_range,
        )
        .filter("format", "yuv444p" if odd else "yuv420p")
        # Where the target says nothing, we say nothing: players then guess alike for both.
        .filter(
            "setparams",
            color_primaries=tags.primaries or "unknown",
            color_trc=tags.transfer or "unknown",
            colorspace=tags.space or "unknown",
            range=tags.range or "unknown",
        )
    )
