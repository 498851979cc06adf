"""Find the videos of each speaker in a folder, and list what was dropped."""

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
VIDEO_SUFFIXES = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".ogv", ".ts", ".webm", ".wmv",
}
# fmt: on
MAX_NAME_LENGTH = 100  # characters: file systems allow 255 bytes

SpeakerPer = Literal["folder", "file"]


@dataclass(frozen=True)
class Drop:
    """A video, or a part of one, that is not used for training."""

    path: Path
    reason: str
    figures: str = ""  # measurements, or the error message of the file
    part: tuple[float, float] | None = None  # begin and end, seconds; None: the whole video


def find_speakers(root: Path, per: SpeakerPer = "folder") -> dict[str, list[Path]]:
    """Find every speaker's videos in and below `root`, sorted; `root` may be a single video.

    Args:
        per: folder: each folder that directly contains videos is one speaker, named by its path
            relative to `root` (`root` itself by its own name); file: each video is one speaker.

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
        kinds = " ".join(sorted(VIDEO_SUFFIXES))
        raise MediaError(f"{root}: no video in this folder or below it ({kinds})")
    named: dict[str, list[Path]] = {}
    taken: set[str] = set()
    for owner, videos in owners.items():
        place = owner.relative_to(root)
        words = place.with_suffix("") if per == "file" else place
        name = _unique_name(_safe("-".join(words.parts) or root.resolve().name), taken)
        named[name] = videos
    return named


def _videos(root: Path) -> Iterator[Path]:
    """List videos in and below a folder; links are followed, each folder is visited once."""
    entered = set()
    for folder, below, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        below[:] = [] if real in entered else sorted(n for n in below if not n.startswith("."))
        for name in [] if real in entered else names:
            # A leading dot: hidden, or macOS metadata on a foreign disk.
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                yield Path(folder) / name
        entered.add(real)


def _safe(name: str) -> str:
    """Make a name safe as a file name, as a plain YAML word and in a shell."""
    return re.sub(r"[^\w.-]+", "_", name)[:MAX_NAME_LENGTH].strip("._-") or "speaker"


def _unique_name(name: str, taken: set[str]) -> str:
    """Number a name if it collides with another one on case-insensitive file systems."""
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free


def clip_names(videos: Iterable[Path]) -> dict[Path, str]:
    """Give each of a speaker's videos a unique name."""
    videos = list(videos)
    stems = Counter(video.stem for video in videos)
    return {video: video.stem if stems[video.stem] == 1 else video.name for video in videos}


def write_drops(path: Path, root: Path, drops: Iterable[Drop]) -> None:
    """Write the list of drops and their reasons as tab-separated values.

    Raises:
        OutputError: it cannot be written.
    """
    lines = ["path\tseconds\treason\tfigures"]
    for drop in drops:
        place = root.name if drop.path == root else str(drop.path.relative_to(root))
        part = f"{drop.part[0]:.2f}-{drop.part[1]:.2f}" if drop.part else "all"
        cells = (place, part, drop.reason, drop.figures)
        lines.append("\t".join(re.sub(r"\s", " ", cell) for cell in cells))
    with atomic.atomic_write(path) as temporary, atomic.os_errors_as_output_errors(path):
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="backslashreplace")


def summarize_drops(drops: Iterable[Drop]) -> str:
    """Count drops by reason, in one line."""
    counts = Counter(drop.reason for drop in drops)
    return ", ".join(f"{count} {reason}" for reason, count in counts.most_common())


def pluralize(count: int, what: str) -> str:
    """Format a count with its noun."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
