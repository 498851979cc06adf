"""Subtitles, chapters and tags of the target that the output keeps."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from lipsync.errors import MediaError
from lipsync.media.container import open_container
from lipsync.media.formats import Format
from lipsync.types import VideoInfo


@dataclass(frozen=True)
class Passthrough:
    """Subtitles, chapters and tags of a target, for an output on the target's own time line."""

    path: Path
    start_offset: Fraction  # seconds of the file before the output begins
    duration: Fraction  # seconds of the output
    # (number among the file's subtitle streams, output codec)
    subtitles: tuple[tuple[int, str], ...] = ()


def plan_passthrough(
    info: VideoInfo, form: Format, duration: Fraction, straight: bool
) -> tuple[Passthrough | None, tuple[str, ...]]:
    """What the output can keep, and a warning for everything that it cannot.

    Args:
        duration: seconds of the output.
        straight: the output's time line is the target's.
    """
    if info.still:
        return None, ()
    with open_container(info.path, MediaError) as container:
        codecs = [s.codec_context.codec.canonical_name if s.codec_context else "unknown"
                  for s in container.streams.subtitles]  # fmt: skip
        chapters = len(container.chapters())
        begun = Fraction(container.start_time or 0, av.time_base)
    holds = not (form.frames or form.pipe)
    left = []
    if not straight or not holds:
        why = (
            "the output's time line is not the target's" if not straight
            else "a pipe carries only picture and sound" if form.pipe
            else "a folder of pictures cannot hold them"
        )  # fmt: skip
        if codecs or chapters:
            left.append(f"{info.path}: its subtitles and chapters are left out: {why}")
        return None, tuple(left)
    kept = tuple((i, form.subtitles[c]) for i, c in enumerate(codecs) if c in form.subtitles)
    lost = [codec for codec in codecs if codec not in form.subtitles]
    if lost:
        left.append(
            f"{info.path}: {len(lost)} of its subtitle tracks ({', '.join(sorted(set(lost)))}) "
            f"cannot be in a {form.suffix}; an .mkv holds most kinds"
        )
    return Passthrough(info.path, info.start - begun, duration, kept), tuple(left)


def sound_start_offset(info: VideoInfo) -> Fraction:
    """Seconds from the start of the file to its first picture."""
    with open_container(info.path, MediaError) as container:
        return info.start - Fraction(container.start_time or 0, av.time_base)
