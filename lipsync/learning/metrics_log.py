"""The curve of a training run: one CSV row per report, and a resumed run goes on with it."""

from __future__ import annotations

import csv
from pathlib import Path

from lipsync.runtime.atomic import refusals, whole


def append(path: Path, row: dict[str, float]) -> None:
    """Add a report to losses.csv; reports of steps that are now taken again are dropped."""
    rows = [old for old in read(path) if old["step"] < row["step"]]
    rows.append(row)
    names = list(dict.fromkeys(name for one in rows for name in one))
    with whole(path) as temporary, refusals(path), temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, names, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read(path: Path) -> list[dict[str, float]]:
    """The reports so far."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
