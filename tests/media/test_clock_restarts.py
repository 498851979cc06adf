"""Streams whose clock starts again on the way: joined broadcasts and HLS segments."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.media import ffmpeg_binary
from lipsync.media.frames import SCALE_FLAGS
from tests.support import clips

CODINGS = {
    "h264.ts": ("-c:v", "libx264", "-bf", "2", "-c:a", "aac"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"),
    "hevc.ts": ("-c:v", "libx265", "-x265-params", "log-level=error", "-c:a", "aac"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
}


def piece(name: str, kind: str, *offset: str) -> Path:
    source = "testsrc2=size=96x64:rate=25:duration=1"
    tone = "sine=frequency=300:sample_rate=48000:duration=1"
    return clips.make(
        *(f"{name}{kind}", "-f", "lavfi", "-i", source, "-f", "lavfi", "-i", tone),
        *(*CODINGS[kind], *offset),
    )


def joined(place: Path, pieces: Sequence[Path]) -> Path:
    place.write_bytes(b"".join(one.read_bytes() for one in pieces))
    return place


def as_ffmpeg_reads_it(path: Path) -> list[np.ndarray]:  # type: ignore[type-arg]
    command = [ffmpeg_binary(), "-v", "error", "-i", str(path), "-map", "0:v", "-fps_mode", "cfr"]
    command += ["-vf", f"scale=flags={SCALE_FLAGS}"]
    run = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         check=True, capture_output=True)  # fmt: skip
    return [*np.frombuffer(run.stdout, np.uint8).reshape(-1, 64, 96, 3)]


@pytest.mark.parametrize("kind", CODINGS)
@pytest.mark.parametrize("clocks", [(0, 0), (0, 0, 0), (500, 0), (0, 500), (3600, 20, 7200)])
def test_the_clock_goes_on(kind: str, clocks: tuple[int, ...], tmp_path: Path) -> None:
    if kind != "h264.ts" and clocks not in ((0, 0), (0, 500)):
        pytest.skip("one coding shows all ways")
    pieces = [piece(f"at{at}", kind, "-output_ts_offset", str(at)) for at in clocks]
    info = media.probe(joined(tmp_path / kind, pieces))
    assert (info.frame_count, info.fps, info.duration) == (25 * len(clocks), 25, len(clocks))
    assert info.remarks == ()
    frames = list(media.read_frames(info))
    want = as_ffmpeg_reads_it(info.path)
    assert len(frames) == len(want)
    # The same pictures; swscale rounds otherwise than we do. Consecutive ones differ by far more.
    for one, other in zip(frames, want, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 1
    assert min(np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)) > 1.5
    # A late start is counted, not looked up by a time that comes twice.
    later = next(media.read_frames(info, 30))
    assert np.array_equal(later, frames[30])
    # The sound goes on in the same way, beside its pictures.
    assert abs(media.probe_audio(info.path).duration - len(clocks)) < 0.15


def test_a_hole_in_a_steady_clock_stays(tmp_path: Path) -> None:
    """Three seconds without pictures are no new clock: the picture before is held."""
    pieces = [piece("at0", "h264.ts"), piece("at4", "h264.ts", "-output_ts_offset", "4")]
    info = media.probe(joined(tmp_path / "hole.ts", pieces))
    assert abs(info.duration - 5) < 0.1


@pytest.mark.real
def test_a_stream_joined_of_two(shared: Path) -> None:
    info = media.probe(shared / "data/cases/restart.ts")
    assert (info.frame_count, info.duration, info.remarks) == (75, 3, ())
    assert len(list(media.read_frames(info))) == 75
