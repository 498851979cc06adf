"""Prepare a training corpus: footage → one file of clips per speaker.

    python -m training.corpus.prepare --videos my-videos --out runs/mine
    python -m training.corpus.prepare --data ../shared/data --out runs/data

--videos takes a folder of any layout: each folder in it that contains videos is one speaker. Long
videos are cut into clips; unusable parts are dropped and listed in OUT/dropped.tsv. --data takes
exactly what --speakers names, unfiltered: folders of clips, or single videos. An interrupted run
resumes when the same command is run again.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

import yaml

from lipsync import media
from lipsync.errors import LipsyncError, MediaError, NoFaceError
from lipsync.face.landmarks import track_video
from lipsync.runtime import atomic
from lipsync.runtime.cache import Cache
from lipsync.speech import audio
from lipsync.types import FaceTrack
from training.corpus import dataset
from training.corpus.dataset import Clip, Speaker
from training.corpus.footage_files import (
    VIDEO_SUFFIXES,
    SpeakerPer,
    find_speakers,
    pluralize,
    summarize_drops,
    write_drops,
)
from training.corpus.speaker_preparation import PreparedSpeaker, prepare_speakers
from training.corpus.tracks import LANDMARK_OPTIONS, measure, reduce
from training.parallel.workers import worker_pool

SPEAKERS = ("grid_s1", "grid_s4", "grid_s26", "grid_s31", "targets/englishvideo.mp4")
CORES = os.cpu_count() or 1


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and prepare every speaker."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.videos and args.speakers:
        parser.error("--speakers goes with --data; with --videos everybody in DIR is prepared")
    if args.data and (args.speaker_per or args.no_sync_check):
        parser.error("--speaker-per and --no-sync-check go with --videos")
    try:
        if args.videos:
            per: SpeakerPer = args.speaker_per or "folder"
            trust = args.no_sync_check
            made = prepare_videos(args.videos, args.out, per, trust, args.processes)
            print(training_instructions(made, args.out))
        else:
            for name in args.speakers or SPEAKERS:
                prepare_clips(args.data / name, args.out, args.processes)
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.corpus.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--videos", type=Path, metavar="DIR", help="your own footage")
    source.add_argument("--data", type=Path, metavar="DIR", help="folder with the --speakers")
    parser.add_argument("--out", type=Path, default=Path("runs/data"))
    parser.add_argument(
        "--speaker-per",
        choices=("folder", "file"),
        help="--videos: one person is all videos directly in a folder (default), or each video",
    )
    parser.add_argument(
        "--no-sync-check",
        action="store_true",
        help="--videos: trust that sound and lips belong together, and in time",
    )
    parser.add_argument(
        "--speakers",
        nargs="+",
        metavar="NAME",
        help=f"--data: folders or videos in DIR (default: {' '.join(SPEAKERS)})",
    )
    parser.add_argument("--processes", type=_count, default=CORES, help="default: one per core")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted a number from 1 on, got {text!r}")
    return int(text)


def prepare_videos(
    root: Path,
    out: Path,
    speaker_per: SpeakerPer = "folder",
    trust: bool = False,
    processes: int = CORES,
) -> list[PreparedSpeaker]:
    """Write OUT/<speaker>.npz for every speaker in a folder of any layout, and OUT/dropped.tsv.

    Args:
        speaker_per: see `find_speakers`.
        trust: skip the check of sound against lips.

    Returns:
        The speakers that have a file.

    Raises:
        MediaError: no video there, or none that is usable.
    """
    speakers = find_speakers(root, speaker_per)
    with atomic.os_errors_as_output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with worker_pool(processes) as pool:
        made = prepare_speakers(speakers, out, trust, pool)
    drops = [drop for prepared in made for drop in prepared.drops]
    table = out / "dropped.tsv"
    write_drops(table, root, drops)
    if drops:
        print(
            f"dropped {len(drops)}: {summarize_drops(drops)}; each with its reason in {table}",
            file=sys.stderr,
        )
    usable = [prepared for prepared in made if prepared.clips]
    if not usable:
        raise MediaError(f"{root}: nothing in it can be learned from; {table} says why")
    return usable


def training_instructions(made: list[PreparedSpeaker], out: Path) -> str:
    """What to do next, as text for the user."""
    names = [prepared.name for prepared in made]
    clips, seconds = sum(p.clips for p in made), sum(p.seconds for p in made)
    line = yaml.safe_dump(
        {"speakers": names}, default_flow_style=None, allow_unicode=True, width=90
    )
    return (
        f"{out} holds {pluralize(clips, 'clip')} of {pluralize(len(made), 'speaker')}, "
        f"{seconds / 60:.1f} min.\n"
        "In a config (start from a copy of configs/train/lip_lstm.yaml):\n\n"
        f"{line}\n"
        f"python -m training.speech_model.train CONFIG --data {out}"
    )


def prepare_clips(source: Path, out: Path, processes: int = CORES) -> Speaker:
    """Track one speaker's clips, measure their mouth, and write OUT/<speaker>.npz.

    Raises:
        MediaError: no video there, or one that cannot be read.
        NoFaceError: no clip shows a face.
    """
    if not source.exists():
        raise MediaError(f"{source}: no such folder or video")
    files = [source] if source.is_file() else sorted(
        p for p in source.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES
    )  # fmt: skip
    if not files:
        raise MediaError(f"{source}: no video in this folder")
    out.mkdir(parents=True, exist_ok=True)
    with worker_pool(processes) as pool:
        found = pool.map(partial(_track, cache_root=out / "cache"), files, source.name)
    speaker = assemble_speaker(source.stem, files, found)
    dataset.save(out / f"{speaker.name}.npz", speaker)
    return speaker


def _track(path: Path, cache_root: Path) -> FaceTrack:
    with Cache(cache_root) as cache:
        return reduce(track_video(media.probe(path), LANDMARK_OPTIONS, cache))


def assemble_speaker(name: str, files: list[Path], found: list[FaceTrack]) -> Speaker:
    """Build a speaker from tracked clips, leaving out those without a face.

    Raises:
        NoFaceError: no clip shows a face.
    """
    kept = [(f, t) for f, t in zip(files, found, strict=True) if t.found.any()]
    for file in sorted({*files} - {f for f, _ in kept}):
        print(f"{file}: left out (no face)", file=sys.stderr)
    if not kept:
        raise NoFaceError(f"{name}: no video of this speaker shows a face")
    lips, profile = measure([track for _, track in kept])
    clips = [
        Clip(file.stem, audio.load_speech(file), track)
        for (file, _), track in zip(kept, lips, strict=True)
    ]
    return Speaker(name, profile, tuple(clips))


if __name__ == "__main__":
    main()
