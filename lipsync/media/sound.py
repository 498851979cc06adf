"""Decoding sound from any file."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from lipsync.errors import AudioError
from lipsync.media.channel_mix import ChannelMix, collect_voice, rows_of
from lipsync.media.ffmpeg_process import FfmpegProcess, url
from lipsync.media.sound_faults import count_broken_samples, mended
from lipsync.media.sound_tracks import holds_sound, read_header
from lipsync.types import F32, AudioInfo, Waveform

INFOS_KEPT = 1024  # results of `probe_audio`
_Key = tuple[str, int, int, int | None]  # path, size, modification time (ns), track
_infos: dict[_Key, AudioInfo] = {}
START = Fraction(0)


def probe_audio(path: str | os.PathLike[str], track: int | None = None) -> AudioInfo:
    """Inspect one sound stream of a file. It is decoded, so the duration is exact.

    The result is cached within the process until the file changes.

    Args:
        track: number among the sound streams; None: the file's default one, see `select_track`.

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
    pieces, samples = _decoded(path, header, header.rate, "s16le"), 0
    mix = ChannelMix(header.rate)
    for piece in rows_of(pieces, "<i2", _width(header)):
        samples += len(piece)
        if piece.shape[1] == 2:
            mix.add(piece.astype(np.float32) / np.float32(32768))
    return _complete_info(header, samples, mix.voice, path, key)


def _info_key(path: Path, track: int | None) -> _Key | None:
    try:
        stat = path.stat()
    except OSError:
        return None  # opening the file reports why
    return str(path.absolute()), stat.st_size, stat.st_mtime_ns, track


def _read_header(path: Path, track: int | None) -> AudioInfo:
    """A stream's header, and how many of its samples are no numbers."""
    header = read_header(path, track)
    return replace(header, broken=count_broken_samples(path, header))


def _complete_info(
    header: AudioInfo, samples: int, voice: int | None, path: Path, key: _Key | None
) -> AudioInfo:
    """Add what decoding told to a header, and cache the result."""
    if not samples:
        raise _nothing_decoded(path, header)
    info = replace(header, duration=Fraction(samples, header.rate), voice=voice)
    if key:
        _infos[key] = _infos[(*key[:3], header.track)] = info
        while len(_infos) > INFOS_KEPT:
            _infos.pop(next(iter(_infos)), None)
    return info


def _nothing_decoded(path: Path, header: AudioInfo) -> AudioError:
    if holds_sound(path, header.track):
        return AudioError(f"{path}: its sound ({header.codec}) cannot be decoded")
    return AudioError(f"{path}: its sound is empty: there is not a single sample in it")


def read_audio(
    path: str | os.PathLike[str],
    rate: int = 16000,
    start_offset: Fraction = START,
    track: int | None = None,
) -> Waveform:
    """Decode a sound stream of any file to mono at `rate` Hz.

    Sample 0 is `start_offset` seconds after the file starts (`sound_start_offset`: at a video's
    first picture): sound that begins later is preceded by silence, gaps are filled with it. Where
    two channels cancel each other, the stronger one is read in place of their mean.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it, or none that decodes.
    """
    path = Path(path)
    header = _read_header(path, track)
    pieces = _decoded(path, header, rate, "f32le", start_offset)
    wave, voice = collect_voice(pieces, rate, _width(header))
    if not len(wave.samples):
        raise _nothing_decoded(path, header)
    return wave if voice is None else _read_voice(path, header, rate, voice, start_offset)


def read_audio_with_info(
    path: str | os.PathLike[str], rate: int = 16000, track: int | None = None
) -> tuple[Waveform, AudioInfo]:
    """`read_audio` and `probe_audio` of a file's sound stream in a single decoding.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it, or none that decodes.
    """
    path = Path(path)
    key, header = _info_key(path, track), _read_header(path, track)
    counts: list[int] = []
    pieces = _decoded_and_counted(path, header, rate, counts)
    wave, voice = collect_voice(pieces, rate, _width(header))
    info = _complete_info(header, counts[-1] if counts else 0, voice, path, key)
    return wave if voice is None else _read_voice(path, header, rate, voice), info


def _read_voice(
    path: Path, header: AudioInfo, rate: int, voice: int, start_offset: Fraction = START
) -> Waveform:
    """One channel of a file whose channels cancel each other."""
    pieces = _decoded(path, header, rate, "f32le", start_offset)
    return collect_voice(pieces, rate, _width(header), only=voice)[0]


def read_audio_blocks(
    path: str | os.PathLike[str],
    rate: int,
    channels: int,
    track: int | None = None,
    start_offset: Fraction = START,
    voice: int | None = None,
) -> Generator[F32, None, None]:
    """Decode a sound stream of any file in pieces (k, channels).

    Args:
        channels: 1 or 2; a mono stream goes to both at its own level.
        start_offset: as in `read_audio`.
        voice: read only this channel, see `AudioInfo.voice`.

    Raises:
        MediaError: missing or unreadable.
        AudioError: no sound in it.
    """
    path = Path(path)
    header = _read_header(path, track)
    decoded = min(channels if voice is None else 2, header.channels)
    layout = "mono" if decoded == 1 else "stereo"
    pieces = _decoded(path, header, rate, "f32le", start_offset, layout)
    for samples in rows_of(pieces, "<f4", decoded):
        clean = np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1, 1)
        chosen = clean if voice is None else clean[:, voice : voice + 1]
        yield np.broadcast_to(chosen, (len(chosen), channels))


def _width(header: AudioInfo) -> int:
    """Channels in which a voice is decoded: left and right where there are such."""
    return 2 if header.channels > 1 and header.placed else 1


def _decoded(
    path: Path,
    header: AudioInfo,
    rate: int,
    sample_format: str,
    start_offset: Fraction = START,
    layout: str | None = None,
) -> Iterator[bytes]:
    """Samples at `rate`, channels interleaved, in pieces of bytes."""
    sound = _resampled(_source(path, header, start_offset), header, rate, layout)
    with FfmpegProcess(sound.output("pipe:", format=sample_format)) as process:
        yield from process.chunks()


def _decoded_and_counted(
    path: Path, header: AudioInfo, rate: int, counts: list[int]
) -> Iterator[bytes]:
    """Float samples of a stream at `rate`, in pieces.

    Args:
        counts: at the end its last entry is the number of samples at the stream's own rate.
    """
    branches = _source(path, header).filter_multi_output("asplit")
    # ffmpeg prints the number of every frame's first sample: that of one sample of silence behind
    # the sound is the sound's length. Large frames make few lines of it.
    counted = _resampled(branches[1], header, header.rate, "mono")
    counted = counted.filter("asetnsamples", n=1 << 16, p=0)
    counted = counted.filter("asetpts", "N").filter("apad", pad_len=1)
    counted = counted.filter("ametadata", mode="add", key="n", value="0")
    counted = counted.filter("ametadata", mode="print", file="pipe:2", direct=1)
    graph = ffmpeg.merge_outputs(
        _resampled(branches[0], header, rate).output("pipe:", format="f32le"),
        counted.output("-", format="null"),
    )
    with FfmpegProcess(graph) as process:
        yield from process.chunks()
        while (stamp := process.next_timestamp()) is not None:
            counts.append(stamp)


def _source(path: Path, header: AudioInfo, start_offset: Fraction = START) -> Any:
    """ffmpeg's stream of a file's sound, mended; channels without positions as their mean."""
    late = {"itsoffset": f"{float(-start_offset):.6f}"} if start_offset else {}
    sound: Any = ffmpeg.input(url(path), **late)[f"a:{header.track}"]
    if header.broken:
        sound = mended(sound)
    if not header.placed:
        mean = "+".join(f"{1 / header.channels:.8f}*c{i}" for i in range(header.channels))
        sound = sound.filter("pan", args=f"mono|c0={mean}")
    return sound


def _resampled(sound: Any, header: AudioInfo, rate: int, layout: str | None = None) -> Any:
    return sound.filter(
        "aresample",
        rate,
        resampler="soxr",
        # Keep the time line: silence before a late start and in gaps.
        first_pts=0,
        **{"async": 1},
        # Scale the downmix so that it cannot clip.
        rematrix_maxval=1.0,
        out_chlayout=layout or ("stereo" if _width(header) == 2 else "mono"),
    )
