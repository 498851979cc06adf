"""Which pieces of which footage are used, who is in them, and which split they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lipsync.errors import MediaError

Split = Literal["train", "held_out"]

PIECE_S = 6.0  # the longest piece: more of a clip costs time and says little
ARABIC_CLIPS = 60  # of 235, evenly over the sorted names: presenters are not named
ARABIC = "av/unseen/arabic_news"
# Folder → number of clips. Every tenth clip of grid_s1 is validation of the speech model: steps of
# 10 choose clips whose lips it has not learned.
GRID_FOLDERS: dict[str, tuple[int, Split]] = {
    "grid_s1": (8, "train"),
    "grid_s4": (4, "held_out"),
    "grid_s26": (3, "held_out"),
    "grid_s31": (3, "held_out"),
}
TENTH = 10
# Where in long footage the pieces begin, s; footage that is not named here is used whole.
STARTS: dict[str, tuple[float, ...]] = {
    "wild/desk_french_50s.mp4": (0, 20, 40),
    "wild/one_take_60s.mp4": (0, 25, 49),
    "wild/hand_over_face.mp4": (0, 9),
    "wild/hands_and_objects.mp4": (0, 11),
    "wild/dark_portrait_60fps.mp4": (1,),
    "wild/turning_small_face.mp4": (0,),
    "wild/turning_head_stage.mkv": (0,),
    "targets/englishvideo.mp4": (0,),
    "av/unseen/address_1980s.mkv": (0, 13),
}
# Whose sound is not that of the person who is seen.
FOREIGN_SOUND = frozenset(("hand_over_face", "turning_small_face"))


@dataclass(frozen=True)
class Piece:
    """A piece of footage of one person."""

    name: str  # of its clips' files
    source: Path
    person: str
    corpus: str
    split: Split
    index: int  # among this person's pieces
    start_s: float | None = None  # None: the whole footage
    own_sound: bool = True  # the sound is that of the person who is seen


def find_pieces(data: Path) -> list[Piece]:
    """All pieces of the footage in a folder, people of the training split first.

    Raises:
        MediaError: footage is missing.
    """
    return [*_grid(data), *_single(data), *_arabic(data)]


def _grid(data: Path) -> Iterator[Piece]:
    for folder, (count, split) in GRID_FOLDERS.items():
        clips = _files(data / folder)
        step = len(clips) // count
        step -= step % TENTH if step > TENTH else 0
        for i, clip in enumerate(clips[::step][:count]):
            yield Piece(f"{folder}-{clip.stem}", clip, folder, "grid", split, i)
    for clip in _files(data / "av/train"):
        person = clip.stem.split("_")[0]
        yield Piece(clip.stem, clip, person, "grid", "train", 0)


def _single(data: Path) -> Iterator[Piece]:
    """One person per file, cut into pieces where it is long."""
    named = [("targets/englishvideo.mp4", "english"), ("av/unseen/address_1980s.mkv", "address")]
    wild = [(f"wild/{path.name}", "wild") for path in _files(data / "wild")]
    for name, corpus in named + wild:
        path = data / name
        if not path.is_file():
            raise MediaError(f"{path}: no such footage; --data names the folder that has it")
        person = path.stem
        own = person not in FOREIGN_SOUND
        starts: tuple[float | None, ...] = STARTS.get(name, (None,))
        for i, start in enumerate(starts):
            piece = person if start is None else f"{person}-{start:g}s"
            yield Piece(piece, path, person, corpus, "held_out", i, start, own)


def _arabic(data: Path) -> Iterator[Piece]:
    """Presenters are unknown: each clip counts as a person of its own."""
    clips = _files(data / ARABIC)
    for i in np.linspace(0, len(clips) - 1, min(ARABIC_CLIPS, len(clips))).round().astype(int):
        name = f"arabic-{clips[i].stem}"
        yield Piece(name, clips[i], name, "arabic", "held_out", 0)


def _files(folder: Path) -> list[Path]:
    """The files of a folder, sorted by name."""
    found = sorted(path for path in folder.glob("*") if path.is_file())
    if not found:
        raise MediaError(f"{folder}: no footage there; --data names the folder that has it")
    return found
