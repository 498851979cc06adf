"""Decoding sound from any file."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np

from lipsync.errors import AudioError
from lipsync.media.container import open_container
from lipsync.media.ffmpeg_process import FfmpegProcess, url
from lipsync.types import F32, AudioInfo, Waveform

INFOS_KEPT = 1024  # results of `probe_audio`
_Key = tuple[str, int, int, int]  # path, size, modification time (ns), track
_infos: dict[_Key, AudioInfo] = {}
BLOCK = 1 << 20  # samples cleaned at a time


def count_sound_tracks(path: str | os.PathLike[str]) -> int:
    """The number of sound streams of a file.

    Raises:
        MediaError: missing or unreadable.
        AudioError: not media.
    """
    with open_container(Path(path), AudioError) as container:
        return len(container.streams.audio)


def _stream(container: Any, path: Path, track: int) -> Any:
    """A sound stream of an open container.

    Raises:
        AudioError: there are fewer.
    """
    stream = next(iter(container.streams.audio[track:]), None)
    if stream is None:
        raise AudioError(f"{path}: there is no sound in it")
    return stream


def probe_audio(path: str | os.PathLike[str], track: int = 0) -> AudioInfo:
    """Inspect one sound stream of a file. It is decoded, so the duration is exact.

    The result is cached within the process until the file changes.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it.
    """
    path = Path(path)
    key = _info_key(path, track)
    known = _infos.get(key) if key else None
    if known is not None:
        return known
    header = _read_header(path, track)
    samples = sum(len(piece) for piece in _decoded(path, header.rate, "u8", track))
    return _complete_info(header, samples, path, key)


def _info_key(path: Path, track: int) -> _Key | None:
    try:
        stat = path.stat()
    except OSError:
        return None  # opening the file reports why
    return str(path.absolute()), stat.st_size, stat.st_mtime_ns, track


def _read_header(path: Path, track: int) -> AudioInfo:
    """Read a stream's header; the duration is left at 0."""
    with open_container(path, AudioError) as container:
        stream = _stream(container, path, track)
        opened = Fraction(container.start_time or 0, av.time_base)
        begun = (stream.start_time or 0) * Fraction(stream.time_base)
        return AudioInfo(
            stream.codec_context.codec.canonical_name,
            stream.codec_context.sample_rate,
            stream.codec_context.channels,
            duration=Fraction(0),
            start=max(begun - opened, Fraction()),
        )


def _complete_info(header: AudioInfo, samples: int, path: Path, key: _Key | None) -> AudioInfo:
    """Add the decoded duration to a header, and cache the result."""
    if not samples:
        raise AudioError(f"{path}: its sound ({header.codec}) cannot be decoded")
    info = replace(header, duration=Fraction(samples, header.rate))
    if key:
        _infos[key] = info
        while len(_infos) > INFOS_KEPT:
            _infos.pop(next(iter(_infos)), None)
    return info


def has_exact_timestamps(path: Path, track: int = 0) -> bool:
    """Whether a sound stream can be copied without shifting it by some samples.

    Matroska, WebM and FLV round timestamps to 1 ms. That is harmless if the sound begins at 0, but
    an encoder delay before it (21⅓ ms for AAC) is rounded too.
    """
    with open_container(path, AudioError) as container:
        stream = container.streams.audio[track]
        if Fraction(stream.time_base) * stream.codec_context.sample_rate <= 1:
            return True
        first = next((p.pts for p in container.demux(stream) if p.size), None)
        return first == 0


def read_audio(
    path: str | os.PathLike[str], rate: int = 16000, start_offset: Fraction = Fraction(0)
) -> Waveform:
    """Decode the first sound stream of any file to mono at `rate` Hz.

    Sample 0 is `start_offset` seconds after the file starts (`sound_start_offset`: at a video's
    first picture): sound that begins later is preceded by silence, gaps are filled with it.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it, or none that decodes.
    """
    path = Path(path)
    with open_container(path, AudioError) as container:
        _stream(container, path, 0)
    wave = _collect(_decoded(path, rate, "f32le", start_offset=start_offset), rate)
    if not len(wave.samples):
        raise AudioError(f"{path}: its sound cannot be decoded")
    return wave


def read_audio_with_info(
    path: str | os.PathLike[str], rate: int = 16000
) -> tuple[Waveform, AudioInfo]:
    """`read_audio` and `probe_audio` of a file's first sound stream in a single decoding.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it, or none that decodes.
    """
    path = Path(path)
    key, header = _info_key(path, 0), _read_header(path, 0)
    counts: list[int] = []
    wave = _collect(_decoded_and_counted(path, rate, header.rate, counts), rate)
    return wave, _complete_info(header, counts[-1] if counts else 0, path, key)


def _collect(pieces: Iterator[bytes], rate: int) -> Waveform:
    """Join pieces of float samples, without NaN and within −1..1."""
    collected = bytearray()  # hours of it: kept once, and cleaned in place
    for piece in pieces:
        collected += piece
    samples = np.frombuffer(collected, dtype="<f4")
    for first in range(0, len(samples), BLOCK):
        block = samples[first : first + BLOCK]
        np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(block, -1, 1, out=block)
    return Waveform(samples.astype(np.float32, copy=False), rate)


def read_audio_blocks(
    path: str | os.PathLike[str],
    rate: int,
    channels: int,
    track: int = 0,
    start_offset: Fraction = Fraction(0),
) -> Generator[F32, None, None]:
    """Decode a sound stream of any file in pieces (k, channels).

    Args:
        channels: 1 or 2; a mono stream goes to both at its own level.
        start_offset: as in `read_audio`.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it.
    """
    path = Path(path)
    with open_container(path, AudioError) as container:
        stream = _stream(container, path, track)
        decoded = min(channels, stream.codec_context.channels)
    rest = b""
    layout = "mono" if decoded == 1 else "stereo"
    for piece in _decoded(path, rate, "f32le", track, start_offset, layout):
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
    start_offset: Fraction = Fraction(0),
    out_layout: str = "mono",
) -> Iterator[bytes]:
    """Samples at `rate`, channels interleaved, in pieces of bytes."""
    sound = _resampled(_source(path, track, start_offset), rate, out_layout)
    with FfmpegProcess(sound.output("pipe:", format=sample_format)) as process:
        yield from process.chunks()


def _decoded_and_counted(
    path: Path, rate: int, own_rate: int, counts: list[int]
) -> Iterator[bytes]:
    """Float samples of a file's first stream as mono at `rate`, in pieces.

    Args:
        counts: at the end its last entry is the number of samples at the stream's own rate.
    """
    branches = _source(path).filter_multi_output("asplit")
    # ffmpeg prints the number of every frame's first sample: that of one sample of silence behind
    # the sound is the sound's length. Large frames make few lines of it.
    counted = _resampled(branches[1], own_rate).filter("asetnsamples", n=1 << 16, p=0)
    counted = counted.filter("asetpts", "N").filter("apad", pad_len=1)
    counted = counted.filter("ametadata", mode="add", key="n", value="0")
    counted = counted.filter("ametadata", mode="print", file="pipe:2", direct=1)
    graph = ffmpeg.merge_outputs(
        _resampled(branches[0], rate).output("pipe:", format="f32le"),
        counted.output("-", format="null"),
    )
    with FfmpegProcess(graph) as process:
        yield from process.chunks()
        while (stamp := process.next_timestamp()) is not None:
            counts.append(stamp)


def _source(path: Path, track: int = 0, start_offset: Fraction = Fraction(0)) -> Any:
    """ffmpeg's stream of a file's sound; channels without positions as their mean."""
    with open_container(path, AudioError) as container:
        layout = container.streams.audio[track].codec_context.layout
        channels = layout.nb_channels
        unpositioned = channels > 2 and "channels" in layout.name
    late = {"itsoffset": f"{float(-start_offset):.6f}"} if start_offset else {}
    sound: Any = ffmpeg.input(url(path), **late)[f"a:{track}"]
    if unpositioned:
        mean = "+".join(f"{1 / channels:.8f}*c{i}" for i in range(channels))
        sound = sound.filter("pan", args=f"mono|c0={mean}")
    return sound


def _resampled(sound: Any, rate: int, out_layout: str = "mono") -> Any:
    return sound.filter(
        "aresample",
        rate,
        resampler="soxr",
        # Keep the time line: silence before a late start and in gaps.
        first_pts=0,
        **{"async": 1},
        # Scale the downmix so that it cannot clip.
        rematrix_maxval=1.0,
        out_chlayout=out_layout,
    )
