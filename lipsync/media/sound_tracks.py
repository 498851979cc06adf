"""Sound streams of a file: which one is meant, its header, and whether a copy stays in sync."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from lipsync.errors import AudioError
from lipsync.media.container import open_container
from lipsync.types import AudioInfo

# A copied stream may leave so many seconds without sound; players skip longer holes.
LONGEST_HOLE_S = 0.03
_USUAL_SPREAD = 1.5  # packets longer than so many usual ones span a hole (.mp4 stretches them)
# Streams for some listeners only, which nobody means who names no stream.
_SPECIAL = (
    av.stream.Disposition.comment
    | av.stream.Disposition.hearing_impaired
    | av.stream.Disposition.visual_impaired
)


def count_sound_tracks(path: str | os.PathLike[str]) -> int:
    """The number of sound streams of a file.

    Raises:
        MediaError: missing or unreadable.
        AudioError: not media.
    """
    with open_container(Path(path), AudioError) as container:
        return len(container.streams.audio)


def select_track(container: Any, path: Path, track: int | None) -> tuple[int, Any]:
    """(number among the sound streams, stream) of an open container.

    Args:
        track: None: the stream that the file marks as its default, else its first.

    Raises:
        AudioError: there is no such stream, or none that ffmpeg knows.
    """
    streams = list(container.streams.audio)
    if not streams:
        raise AudioError(f"{path}: there is no sound in it")
    if track is None:
        track = _default_track(streams)
    if track >= len(streams):
        has = len(streams)
        raise AudioError(f"{path}: there is no sound track {track + 1} in it; it has {has}")
    if streams[track].codec_context is None:
        raise AudioError(f"{path}: its sound is coded in a way that ffmpeg does not know")
    return track, streams[track]


def _default_track(streams: list[Any]) -> int:
    marked = [i for i, s in enumerate(streams) if s.disposition & av.stream.Disposition.default]
    plain = [i for i, s in enumerate(streams) if not s.disposition & _SPECIAL]
    both = [i for i in marked if i in plain]
    return next(iter((*both, *marked, *plain)), 0)


def read_header(path: Path, track: int | None = None) -> AudioInfo:
    """Read a stream's header; what only decoding tells is left at 0.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no such stream in it.
    """
    with open_container(path, AudioError) as container:
        number, stream = select_track(container, path, track)
        opened = Fraction(container.start_time or 0, av.time_base)
        begun = (stream.start_time or 0) * Fraction(stream.time_base)
        coding = stream.codec_context
        layout = coding.layout
        return AudioInfo(
            coding.codec.canonical_name,
            coding.sample_rate,
            coding.channels,
            duration=Fraction(0),
            start=max(begun - opened, Fraction()),
            track=number,
            profile=str(coding.profile or ""),
            placed=layout.nb_channels <= 2 or "channels" not in layout.name,
        )


def holds_sound(path: Path, track: int) -> bool:
    """Whether a stream has any data: a header without samples has none."""
    with open_container(path, AudioError) as container:
        stream = container.streams.audio[track]
        try:
            return any(packet.size for packet in container.demux(stream))
        except av.FFmpegError:
            return True


def copies_in_sync(path: Path, track: int) -> bool:
    """Whether a stream can be copied without moving it in time, and has no holes.

    Matroska, WebM and FLV round timestamps to 1 ms. That is harmless if the sound begins at 0, but
    an encoder delay before it (21⅓ ms for AAC) is rounded too. Where packets are lost, a copy has
    a packet that lasts as long as the hole, which players do not wait for.
    """
    with open_container(path, AudioError) as container:
        stream = container.streams.audio[track]
        tick = Fraction(stream.time_base)
        rounded = tick * stream.codec_context.sample_rate > 1
        try:
            packets = [p for p in container.demux(stream) if p.size and p.pts is not None]
        except av.FFmpegError:
            return False
        if rounded and not (packets and packets[0].pts == 0):
            return False
        stamps = np.array([p.pts for p in packets], np.int64)
        lengths = np.array([p.duration or 0 for p in packets], np.int64)
    if len(stamps) < 2:
        return True
    steps = np.diff(stamps)
    lengths = np.where(lengths > 0, lengths, np.median(steps))  # some containers give none
    sounding = np.minimum(lengths[:-1], _USUAL_SPREAD * np.median(lengths))
    holes = (steps - sounding) * float(tick)
    return bool((steps > 0).all() and (holes <= LONGEST_HOLE_S).all())
