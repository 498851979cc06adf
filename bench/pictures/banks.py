"""Cost of large mouth banks. Writes docs/benchmarks/banks.md.

    python -m bench.pictures.banks [--shared ../shared] [--minutes 1 20 60]

Footage: clips of GRID speaker 1, of which there are 20 minutes; an hour is that footage three times
over. Landmarks are found beforehand, once per video. Every row runs in a process of its own with an
empty cache.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import resource
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import lipsync
from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth import texture
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import (
    Alignment,
    FaceTrack,
    FootageAppearance,
    LipTrack,
    MouthBank,
    VideoInfo,
)

REPO = Path(__file__).resolve().parents[2]
RUNS = 3
ALL = 100_000  # entries: more than an hour has
HEAD = (
    "| footage min | `--bank-frames` | entries | on disk MB | build s | again s | open s "
    "| picture ms | peak MB |\n" + "|" + " --- |" * 9
)


def clips(data: Path, minutes: float) -> list[Path]:
    """So many clips that they last so long; over again where there are too few."""
    everything, chosen, seconds = sorted(data.glob("*.m*")), list[Path](), 0.0
    while seconds < 60 * minutes:
        file = everything[len(chosen) % len(everything)]
        chosen.append(file)
        seconds += float(media.probe(file).duration)
    return chosen


def tracked(files: list[Path]) -> tuple[list[VideoInfo], list[FaceTrack]]:
    """Each file once, however often it is named."""
    with Cache(Cache.default_root()) as cache:
        seen = {}
        for file in dict.fromkeys(files):
            info = media.probe(file)
            seen[file] = info, landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    return [seen[file][0] for file in files], [seen[file][1] for file in files]


def row(data: Path, minutes: float, most: int) -> str:
    """One line of the table: the pictures are of the first clip."""
    infos, tracks = tracked(clips(data, minutes))
    footage = Footage.of([VideoSpeech(info) for info in infos], tracks)
    face, first = footage.face, infos[0].frame_count
    with Cache(None) as cache:

        def build() -> tuple[MouthBank, FootageAppearance, float]:
            start = time.perf_counter()
            options = mouth_bank.BankOptions(bank_frames=most)
            bank, appearance = footage.collect_bank(options, cache)
            return bank, appearance, time.perf_counter() - start

        _, _, building = build()
        bank, appearance, again = build()
        disk = sum(file.stat().st_size for file in cache.root.rglob("*") if file.is_file())
        wanted = WantedMouths(
            LipTrack(face.lips.points[:first], face.fps),
            TrackedFace(tracks[0], Alignment(face.alignment.to_frame[:first])),
            np.arange(first),
            skin_color=appearance.skin_color[:first],
        )

        def made(source: texture.TextureSource) -> float:
            start = time.perf_counter()
            for _ in source.draw_patches(wanted):
                pass
            return time.perf_counter() - start

        start = time.perf_counter()
        source = texture.open_texture(bank, texture.TextureOptions())
        opened = time.perf_counter() - start
        beginning = made(source)
        usual = statistics.median(made(source) for _ in range(RUNS))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"| {len(face) / float(face.fps) / 60:.1f} | {most} | {len(bank)} | {disk / 1e6:.0f} "
        f"| {building:.1f} | {again:.2f} | {opened + beginning - usual:.1f} "
        f"| {1000 * usual / first:.1f} | {peak:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures.banks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--minutes", type=float, nargs="+", default=(1, 20, 60))
    options = parser.parse_args()
    usual, data = mouth_bank.BankOptions().bank_frames, options.shared / "data" / "grid_s1"
    cases = [(minutes, usual) for minutes in options.minutes]
    cases.append((max(options.minutes), ALL))
    rows = []
    for minutes, most in cases:
        # One at a time: they are timed.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(row, data, minutes, most).result())
        print(rows[-1], flush=True)
    text = [
        "# Large mouth banks",
        "",
        f"Written by `python -m bench.pictures.banks` on {datetime.date.today()}, lipsync "
        f"{lipsync.__version__}; {platform.machine()}, {os.cpu_count()} cores.",
        "",
        "Banks of grid_s1, 360 × 288, its landmarks known; it has 20 minutes, an hour is that "
        "footage three times over. Build: reading the footage and writing the bank, once for each "
        "content; again: finding it in the cache. Open: what the first picture waits for, the "
        "search and the regression learned, the files read. Picture: texture alone, per frame. Of "
        "more footage than the usual `--bank-frames`, as many are spread over it; the last row "
        "keeps as many as fit a gigabyte.",
        "",
        HEAD,
        *rows,
    ]
    page = REPO / "docs" / "benchmarks" / "banks.md"
    page.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
