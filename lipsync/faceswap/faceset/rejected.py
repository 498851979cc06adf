"""`rejected.tsv`: every sampled frame without a kept face, and the reason."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from lipsync.faceswap.faceset import curation
from lipsync.faceswap.faceset.curation import CRITERIA, Criterion, CurationOptions
from lipsync.runtime.atomic import os_errors_as_output_errors
from lipsync.types import F32, VideoInfo


@dataclass(frozen=True)
class SampledFrame:
    """A frame of the footage that is searched for a face."""

    info: VideoInfo
    frame: int  # of that file
    row: int  # of all files' frames, end to end; −1: the file shows no face


def write_rejected(
    path: Path,
    frames: list[SampledFrame],
    faceless: list[SampledFrame],
    unreadable: list[Path],
    scores: dict[str, F32],
    reasons: list[Criterion | None],
    options: CurationOptions,
) -> None:
    """Write the reason, score and threshold of every rejection.

    Args:
        frames: with a face; `scores` and `reasons` have a row for each.
        faceless: frames without a face.
        unreadable: files that could not be read.

    Raises:
        OutputError: it cannot be written.
    """
    columns = list(dict.fromkeys(c.score for c in CRITERIA))
    with os_errors_as_output_errors(path), path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n")
        rows.writerow(["file", "frame", "second", "reason", "score", "threshold", *columns])
        for file_path in unreadable:
            rows.writerow([file_path, "", "", "unreadable file"])
        for frame in faceless:
            rows.writerow([*_position_columns(frame), "no face"])
        for i, (frame, reason) in enumerate(zip(frames, reasons, strict=True)):
            if reason is not None:
                sign = "≥" if reason.least else "≤"
                limit = f"{sign} {curation.threshold_of(reason, options):g}"
                score = f"{scores[reason.score][i]:.3f}"
                every = [f"{scores[name][i]:.3f}" for name in columns]
                rows.writerow([*_position_columns(frame), reason.reason, score, limit, *every])


def _position_columns(frame: SampledFrame) -> list[str]:
    second = float(frame.frame / frame.info.fps)
    return [str(frame.info.path), str(frame.frame), f"{second:.2f}"]
