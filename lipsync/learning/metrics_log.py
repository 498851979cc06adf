"""Training metrics as CSV, one row per report; a resumed run continues the same file."""

from __future__ import annotations

import csv
from pathlib import Path

from lipsync.runtime.atomic import atomic_write, os_errors_as_output_errors


def append(path: Path, row: dict[str, float]) -> None:
    """Append a report to a CSV file, dropping rows of the same or later steps.

    A run resumed from an earlier step repeats those steps.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [old for old in read(path) if old["step"] < row["step"]]
    rows.append(row)
    names = list(dict.fromkeys(name for one in rows for name in one))
    with (
        atomic_write(path) as temporary,
        os_errors_as_output_errors(path),
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.DictWriter(file, names, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read(path: Path) -> list[dict[str, float]]:
    """Read all reports, oldest first; none if the file does not exist."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
