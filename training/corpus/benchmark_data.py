"""Speakers and sounds of the benchmark pages (docs/benchmarks/README.md)."""

from __future__ import annotations

from pathlib import Path

from lipsync.errors import MediaError

SEEN = "grid_s1"  # GRID speaker 1: the speaker whom the shipped models are trained on
UNSEEN = ("grid_s4", "grid_s26", "grid_s31", "englishvideo")  # never in any training
SPEECH = Path("../shared/data/speech")  # a folder of running speech
SOUND_SUFFIXES = {".flac", ".wav", ".mp3", ".ogg", ".m4a"}


def find_sounds(folder: Path) -> list[Path]:
    """List the sound files of a folder, sorted.

    Raises:
        MediaError: there are none.
    """
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in SOUND_SUFFIXES)
    if not found:
        raise MediaError(f"{folder}: no sound in this folder; name another with --speech")
    return found
