"""A folder of videos, whatever its layout → who is in it, and why a part of it was dropped."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lipsync.errors import MediaError
from lipsync.runtime import atomic

# fmt: off
VIDEOS = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".ogv", ".ts", ".webm", ".wmv",
}
# fmt: on
NAME_MOST = 100  # characters: file systems allow 255 bytes

SpeakerPer = Literal["folder", "file"]


@dataclass(frozen=True)
class Drop:
    """A video, or a part of it, that nothing is learnt from."""

    path: Path
    reason: str
    figures: str = ""  # what was measured, or what there was to say about the file
    part: tuple[float, float] | None = None  # begin and end in seconds; None: all of it


def find_speakers(root: Path, per: SpeakerPer = "folder") -> dict[str, list[Path]]:
    """Every speaker's videos in `root` and below it, sorted; `root` may be a single video.

    Args:
        per: folder: every folder that itself holds videos is one speaker, named by its path from
            `root` on (`root` by its own name); file: every video is.

    Raises:
        MediaError: no such folder, or no video in it.
    """
    if root.is_file():
        return {_safe(root.stem): [root]}
    if not root.is_dir():
        raise MediaError(f"{root}: no such folder or video")
    owners: dict[Path, list[Path]] = {}
    for video in sorted(_videos(root)):
        owners.setdefault(video if per == "file" else video.parent, []).append(video)
    if not owners:
        kinds = " ".join(sorted(VIDEOS))
        raise MediaError(f"{root}: no video in this folder or below it ({kinds})")
    named: dict[str, list[Path]] = {}
    taken: set[str] = set()
    for owner, videos in owners.items():
        place = owner.relative_to(root)
        words = place.with_suffix("") if per == "file" else place
        name = _free(_safe("-".join(words.parts) or root.resolve().name), taken)
        named[name] = videos
    return named


def _videos(root: Path) -> Iterator[Path]:
    """Videos in a folder and below it; links are followed, each folder is entered once."""
    entered = set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = [] if real in entered else sorted(n for n in below if not n.startswith("."))
        for name in [] if real in entered else names:
            # A leading dot: hidden, or what macOS keeps beside a file on a foreign disk.
            if Path(name).suffix.lower() in VIDEOS and not name.startswith("."):
                yield Path(folder) / name
        entered.add(real)


def _safe(name: str) -> str:
    """A name that is a file's name everywhere, and an ordinary word in YAML and a shell."""
    return re.sub(r"[^\w.-]+", "_", name)[:NAME_MOST].strip("._-") or "speaker"


def _free(name: str, taken: set[str]) -> str:
    """The name, numbered if there is one that some file systems take for the same."""
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free


def clip_names(videos: Iterable[Path]) -> dict[Path, str]:
    """A name for each of a speaker's videos, all different."""
    videos = list(videos)
    stems = Counter(video.stem for video in videos)
    return {video: video.stem if stems[video.stem] == 1 else video.name for video in videos}


def write_drops(path: Path, root: Path, drops: Iterable[Drop]) -> None:
    """What was dropped and why, as a table of tab-separated values.

    Raises:
        OutputError: it cannot be written.
    """
    lines = ["path\tseconds\treason\tfigures"]
    for drop in drops:
        place = root.name if drop.path == root else str(drop.path.relative_to(root))
        part = f"{drop.part[0]:.2f}-{drop.part[1]:.2f}" if drop.part else "all"
        cells = (place, part, drop.reason, drop.figures)
        lines.append("\t".join(re.sub(r"\s", " ", cell) for cell in cells))
    with atomic.whole(path) as temporary, atomic.refusals(path):
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="backslashreplace")


def told(drops: Iterable[Drop]) -> str:
    """How many were dropped for which reason, in one line."""
    counts = Counter(drop.reason for drop in drops)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common())


def counted(count: int, what: str) -> str:
    """So many of something."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
