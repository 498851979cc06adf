"""Footage → one file per speaker: the sound and the lips of every clip.

    python -m training.prepare --data ../shared/data --out runs/data

A speaker is a folder of clips, or one video. Landmarks are kept in OUT/cache, so that a stopped
run goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from lipsync import audio, geometry, media
from lipsync.cache import Cache
from lipsync.errors import LipsyncError, MediaError
from lipsync.landmarks import LandmarkOptions, track_video
from lipsync.types import FaceTrack, LipTrack
from training import corpus
from training.corpus import Clip, Speaker

SPEAKERS = ("grid_s1", "grid_s4", "grid_s26", "grid_s31", "targets/englishvideo.mp4")
VIDEOS = {".mkv", ".mp4", ".mov", ".webm", ".avi", ".mpg", ".m4v"}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and prepare every speaker."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the speakers")
    parser.add_argument("--out", type=Path, default=Path("runs/data"))
    parser.add_argument("--speakers", nargs="+", default=SPEAKERS, help="folders or videos in DATA")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args(argv)
    try:
        for name in args.speakers:
            prepare(args.data / name, args.out, args.processes)
    except LipsyncError as error:
        sys.exit(f"error: {error}")


def prepare(source: Path, out: Path, processes: int = 2) -> Speaker:
    """Track one speaker's clips, measure their mouth, and write OUT/<speaker>.npz.

    Raises:
        MediaError: no video there, or one that cannot be read.
        NoFaceError: no clip shows a face.
    """
    if not source.exists():
        raise MediaError(f"{source}: no such folder or video")
    files = [source] if source.is_file() else sorted(
        p for p in source.iterdir() if p.suffix.lower() in VIDEOS
    )  # fmt: skip
    if not files:
        raise MediaError(f"{source}: no video in this folder")
    out.mkdir(parents=True, exist_ok=True)
    track = partial(_track, cache_root=out / "cache")
    tracks = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done, found in enumerate(pool.map(track, files), 1):
            tracks.append(found)
            print(f"\r{source.name}: {done}/{len(files)} clips", end="", file=sys.stderr)
    print(file=sys.stderr)
    speaker = assemble(source.stem, files, tracks)
    corpus.save(out / f"{speaker.name}.npz", speaker)
    return speaker


def _track(path: Path, cache_root: Path) -> FaceTrack:
    with Cache(cache_root) as cache:
        return track_video(media.probe(path), LandmarkOptions(landmark_threads=1), cache)


def assemble(name: str, files: list[Path], tracks: list[FaceTrack]) -> Speaker:
    """One speaker from their clips.

    All clips are aligned to one face and measured by one neutral mouth, as a target's whole track
    is when it is rendered; clips of another frame rate than the first are left out.
    """
    fps = tracks[0].fps
    kept = [(f, t) for f, t in zip(files, tracks, strict=True) if t.fps == fps and t.found.any()]
    for file in sorted({*files} - {f for f, _ in kept}):
        print(f"{file}: left out (no face, or another frame rate)", file=sys.stderr)
    whole = _joined([t for _, t in kept])
    lips = geometry.lips(whole, geometry.align(whole))
    ends = np.cumsum([len(t) for _, t in kept])[:-1]
    clips = [
        Clip(file.stem, audio.load(file), LipTrack(points, fps))
        for (file, _), points in zip(kept, np.split(lips.points, ends), strict=True)
    ]
    return Speaker(name, geometry.LipProfile.of(lips), tuple(clips))


def _joined(tracks: list[FaceTrack]) -> FaceTrack:
    """Clips as the shots of one track."""
    ends = np.cumsum([len(t) for t in tracks])
    starts = [0, *ends[:-1].tolist()]
    cuts = [start + t.cuts for start, t in zip(starts, tracks, strict=True)]
    return FaceTrack(
        np.concatenate([t.points for t in tracks]),
        np.concatenate([t.found for t in tracks]),
        np.concatenate([t.confidence for t in tracks]),
        np.unique(np.concatenate([ends[:-1], *cuts])).astype(np.int64),
        tracks[0].fps,
        tracks[0].scheme,
    )


if __name__ == "__main__":
    main()
