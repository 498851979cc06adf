"""`rejected.tsv`: every face that was not kept, and why; nothing is deleted."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from lipsync.faceswap.faceset import curation
from lipsync.faceswap.faceset.curation import CRITERIA, Criterion, CurationOptions
from lipsync.runtime.atomic import refusals
from lipsync.types import F32, VideoInfo


@dataclass(frozen=True)
class Place:
    """Where in the footage a face is."""

    info: VideoInfo
    frame: int  # of that file
    row: int  # of all files' frames, end to end


def write_rejected(
    path: Path,
    places: list[Place],
    absent: list[Place],
    unread: list[Path],
    values: dict[str, F32],
    reasons: list[Criterion | None],
    options: CurationOptions,
) -> None:
    """Write why each face that was not kept was not."""
    columns = list(dict.fromkeys(c.score for c in CRITERIA))
    with refusals(path), path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n")
        rows.writerow(["file", "frame", "second", "reason", "score", "threshold", *columns])
        for file_path in unread:
            rows.writerow([file_path, "", "", "unreadable file"])
        for place in absent:
            rows.writerow([*_where(place), "no face"])
        for i, (place, reason) in enumerate(zip(places, reasons, strict=True)):
            if reason is not None:
                limit = (
                    "≥ " if reason.least else "≤ "
                ) + f"{curation.threshold(reason, options):g}"
                score = f"{values[reason.score][i]:.3f}"
                every = [f"{values[name][i]:.3f}" for name in columns]
                rows.writerow([*_where(place), reason.reason, score, limit, *every])


def _where(place: Place) -> list[str]:
    return [str(place.info.path), str(place.frame), f"{float(place.frame / place.info.fps):.2f}"]
