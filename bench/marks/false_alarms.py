"""Payloads read in videos that have no mark: there should be none."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import LipsyncError
from lipsync.face.landmarks import LandmarkOptions, track_video
from lipsync.face.tracked_face import TrackedFace
from lipsync.marks.breathing import LEAST_FRAMES
from lipsync.marks.watermark_reader import WatermarkReading, read_watermark
from lipsync.media.frame_times import display_times
from lipsync.runtime.cache import Cache

PIECE_S = 10.0
LEAST_PIECE_S = 2.0  # what is left at the end of a video counts from here on
# Folders of the footage, and every how many-th file is read.
SETS = (
    ("av/unseen/arabic_news", 1), ("wild", 1), ("grid_s4", 1), ("grid_s26", 1), ("grid_s31", 1),
    ("grid_s1", 25),
)  # fmt: skip


@dataclass
class Tally:
    """What was read in one folder."""

    pieces: int = 0
    long_enough: int = 0  # with at least LEAST_FRAMES frames that show a face
    alarms: list[str] = field(default_factory=list)
    strongest: float = 0.0  # over what is needed


def measure(data: Path, cache: Cache) -> dict[str, Tally]:
    """All folders."""
    tallies: dict[str, Tally] = {}
    for folder, step in SETS:
        began, tally = time.perf_counter(), Tally()
        for path in sorted((data / folder).iterdir())[::step]:
            for reading in read_pieces(path, cache):
                tally.pieces += 1
                if reading.frames == 0:
                    continue
                tally.long_enough += 1
                tally.strongest = max(tally.strongest, reading.strength / reading.needed)
                if reading.payload is not None:
                    tally.alarms.append(path.name)
        tallies[folder] = tally
        print(f"{folder}: {time.perf_counter() - began:.0f} s, {tally}", file=sys.stderr)
    return tallies


def read_pieces(path: Path, cache: Cache) -> Iterator[WatermarkReading]:
    """Readings of a video, PIECE_S by PIECE_S; none if it shows no face."""
    try:
        info = media.probe(path)
        face = TrackedFace.of(track_video(info, LandmarkOptions(), cache))
    except LipsyncError as error:
        print(error, file=sys.stderr)
        return
    times, to_frame = display_times(info, len(face)), face.alignment.to_frame
    ends = np.arange(PIECE_S, times[-1] + PIECE_S, PIECE_S)
    cuts = [0, *np.searchsorted(times, ends)]
    for begin, end in itertools.pairwise(cuts):
        if begin == 0 or times[end - 1] - times[begin] >= LEAST_PIECE_S:
            frames = media.read_frames(info, int(begin), int(end))
            yield read_watermark(frames, to_frame[begin:end], times[begin:end])


def describe(tallies: dict[str, Tally]) -> str:
    """The section."""
    pieces = sum(one.pieces for one in tallies.values())
    lines = [
        "## False alarms",
        "",
        f"{pieces} pieces of real videos without a mark, {PIECE_S:g} s each or all there is. Long "
        f"enough: at least {LEAST_FRAMES} frames show the face; less is never read. Alarms: a "
        "payload was believed. Strongest: the largest strength over what is needed; from 1 on a "
        "payload is believed if its checksum holds.",
        "",
        "| footage | pieces | long enough | bar | alarms | strongest |",
        "|" + " --- |" * 6,
    ]
    total = Tally()
    for folder, one in tallies.items():
        lines.append(_row(folder, one))
        total.pieces += one.pieces
        total.long_enough += one.long_enough
        total.alarms += one.alarms
        total.strongest = max(total.strongest, one.strongest)
    return "\n".join([*lines, _row("**all**", total)])


def _row(name: str, one: Tally) -> str:
    alarms = f"{len(one.alarms)}" + (f" ({', '.join(one.alarms)})" if one.alarms else "")
    cells = f"{one.pieces} | {one.long_enough} | 0 | {alarms} | {one.strongest:.2f}"
    return f"| {name} | {cells} |"
