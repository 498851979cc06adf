"""Faces and sounds of the people whom the two small detectors may learn from.

Only GRID speakers that may train weights that ship: speaker 1 without every tenth clip, and the
five people with one clip each. The others named here are looked at, never learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import LipsyncError, MediaError
from lipsync.face.landmarks import track_video
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.trajectories import Trajectories, trace_face
from lipsync.runtime.cache import Cache
from lipsync.speech import audio
from lipsync.types import Waveform
from training.corpus.dataset import VALIDATION_EVERY
from training.corpus.footage_files import VIDEO_SUFFIXES
from training.corpus.tracks import LANDMARK_OPTIONS
from training.parallel.workers import worker_pool

MAIN, OTHERS = "grid_s1", "av/train"  # the folders that are learned from
UNSEEN = ("grid_s4", "grid_s26", "grid_s31")


@dataclass(frozen=True, eq=False)
class TrackedClip:
    """A clip of one person."""

    name: str
    person: str
    moves: Trajectories
    wave: Waveform


def training_files(footage: Path) -> tuple[list[Path], list[Path]]:
    """Files to train on and to validate on: every tenth of speaker 1's sorted names validates.

    Raises:
        MediaError: the footage is missing.
    """
    main = _videos(footage / MAIN)
    validation = main[::VALIDATION_EVERY]
    kept = set(validation)
    return [one for one in main if one not in kept] + _videos(footage / OTHERS), validation


def unseen_files(footage: Path) -> list[Path]:
    """Files of people who are in no training."""
    return [path for folder in UNSEEN for path in _videos(footage / folder)]


def track_clips(files: list[Path], cache: Path, processes: int) -> list[TrackedClip]:
    """Track faces and load sounds; a clip without a face or a sound is left out."""
    with worker_pool(processes) as pool:
        found = pool.map(partial(_track, cache=cache), files, "faces")
    return [one for one in found if one is not None]


def _track(path: Path, cache: Path) -> TrackedClip | None:
    try:
        info = media.probe(path)
        track = track_video(info, LANDMARK_OPTIONS, Cache(cache))
        wave = audio.load_speech(path, media.sound_start_offset(info))
        moves = trace_face(TrackedFace.of(track))
    except LipsyncError:
        return None
    person = path.parent.name if path.parent.name != Path(OTHERS).name else path.stem
    return TrackedClip(path.stem, person, moves, wave)


def _videos(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder; --footage names the one with the GRID clips")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)


def known_share(clip: TrackedClip) -> float:
    """Share of a clip in which the face is seen."""
    return float(np.mean(clip.moves.known))
