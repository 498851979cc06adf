"""Sound out of any file."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np

from lipsync.errors import AudioError
from lipsync.media.container import container_of
from lipsync.media.ffmpeg_process import Process, url
from lipsync.types import F32, AudioInfo, Waveform

BLOCK = 1 << 20  # samples that are cleaned at once


def sound_tracks(path: str | os.PathLike[str]) -> int:
    """How many sound streams a file has.

    Raises:
        MediaError: missing or unreadable.
        AudioError: not media.
    """
    with container_of(Path(path), AudioError) as container:
        return len(container.streams.audio)


def _stream(container: Any, path: Path, track: int) -> Any:
    """A sound stream of an open container.

    Raises:
        AudioError: there are not so many.
    """
    stream = next(iter(container.streams.audio[track:]), None)
    if stream is None:
        raise AudioError(f"{path}: there is no sound in it")
    return stream


def probe_audio(path: str | os.PathLike[str], track: int = 0) -> AudioInfo:
    """Inspect one sound stream of a file; it is decoded once, so the duration is exact.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it.
    """
    path = Path(path)
    with container_of(path, AudioError) as container:
        stream = _stream(container, path, track)
        codec = stream.codec_context.codec.canonical_name
        rate = stream.codec_context.sample_rate
        channels = stream.codec_context.channels
        opened = Fraction(container.start_time or 0, av.time_base)
        begun = (stream.start_time or 0) * Fraction(stream.time_base)
    samples = sum(len(piece) for piece in _decoded(path, rate, "u8", track))
    if not samples:
        raise AudioError(f"{path}: its sound ({codec}) cannot be decoded")
    start = max(begun - opened, Fraction())
    return AudioInfo(codec, rate, channels, Fraction(samples, rate), start)


def sample_exact(path: Path, track: int = 0) -> bool:
    """Whether a sound stream's time stamps are as fine as its samples.

    Matroska, WebM and FLV round to 1 ms: fine where the sound begins at 0, but the encoder's delay
    before it (21⅓ ms of AAC) is then rounded too, and a copy would be some samples off.
    """
    with container_of(path, AudioError) as container:
        stream = container.streams.audio[track]
        if Fraction(stream.time_base) * stream.codec_context.sample_rate <= 1:
            return True
        first = next((p.pts for p in container.demux(stream) if p.size), None)
        return first == 0


def read_audio(
    path: str | os.PathLike[str], rate: int = 16000, skipped: Fraction = Fraction(0)
) -> Waveform:
    """The first sound stream of any file as mono at `rate` Hz.

    Sample 0 is `skipped` seconds after the file starts (`sound_skipped`: at a video's first
    picture): sound that begins later is preceded by silence, gaps are filled with it.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it, or none that decodes.
    """
    path = Path(path)
    with container_of(path, AudioError) as container:
        _stream(container, path, 0)
    heard = bytearray()  # hours of it: kept once, and cleaned in place
    for piece in _decoded(path, rate, "f32le", skipped=skipped):
        heard += piece
    samples = np.frombuffer(heard, dtype="<f4")
    if not len(samples):
        raise AudioError(f"{path}: its sound cannot be decoded")
    for first in range(0, len(samples), BLOCK):
        block = samples[first : first + BLOCK]
        np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(block, -1, 1, out=block)
    return Waveform(samples.astype(np.float32, copy=False), rate)


def sound_blocks(
    path: str | os.PathLike[str],
    rate: int,
    channels: int,
    track: int = 0,
    skipped: Fraction = Fraction(0),
) -> Generator[F32, None, None]:
    """A sound stream of any file in pieces (k, channels).

    Args:
        channels: 1 or 2; one channel is heard in both alike, at its own level.
        skipped: as in `read_audio`.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it.
    """
    path = Path(path)
    with container_of(path, AudioError) as container:
        stream = _stream(container, path, track)
        decoded = min(channels, stream.codec_context.channels)
    rest = b""
    layout = "mono" if decoded == 1 else "stereo"
    for piece in _decoded(path, rate, "f32le", track, skipped, layout):
        whole = rest + piece
        used = len(whole) // (4 * decoded) * (4 * decoded)
        samples = np.frombuffer(whole[:used], dtype="<f4").reshape(-1, decoded)
        rest = whole[used:]
        clean = np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1, 1)
        yield np.broadcast_to(clean, (len(clean), channels))


def _decoded(
    path: Path,
    rate: int,
    sample_format: str,
    track: int = 0,
    skipped: Fraction = Fraction(0),
    out_layout: str = "mono",
) -> Iterator[bytes]:
    """Samples at `rate` from ffmpeg, channels interleaved, in pieces."""
    with container_of(path, AudioError) as container:
        layout = container.streams.audio[track].codec_context.layout
        channels = layout.nb_channels
        placeless = channels > 2 and "channels" in layout.name
    late = {"itsoffset": f"{float(-skipped):.6f}"} if skipped else {}
    sound: Any = ffmpeg.input(url(path), **late)[f"a:{track}"]
    if placeless:  # channels without a place in the room: their mean
        mean = "+".join(f"{1 / channels:.8f}*c{i}" for i in range(channels))
        sound = sound.filter("pan", args=f"mono|c0={mean}")
    sound = sound.filter(
        "aresample",
        rate,
        resampler="soxr",
        # Keep the time line: silence before a late start and in gaps.
        first_pts=0,
        **{"async": 1},
        # Scale the mix of channels so that it cannot clip.
        rematrix_maxval=1.0,
        out_chlayout=out_layout,
    )
    with Process(sound.output("pipe:", format=sample_format)) as process:
        yield from process.chunks()
