"""How near a dry run comes to what a render then takes: docs/benchmarks/estimates.md.

    python -m bench.cost.estimates [--shared ../shared]

For every case the dry run's estimate stands beside the render that follows it: with an empty cache,
then with a filled one. Renders are whole processes, start-up included, one at a time. The constants
of `lipsync/pipelines/render_costs.py` are set from this page's right-hand columns: milliseconds per
frame of the target (landmarks, bank) and of the output (the rest, start-up taken off).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.support.processes import run_measured
from lipsync import media
from lipsync.pipelines.render_costs import START_S

REPO = Path(__file__).resolve().parents[2]
CASES = (
    ("targets/grid_s4_60s.mp4", "speech/LJ001-0001.wav"),
    ("targets/englishvideo.mp4", "speech/LJ001-0001.wav"),
    ("wild/hands_and_objects.mp4", "speech/jfk.flac"),
)


@dataclass(frozen=True)
class Row:
    """One render and the dry run before it."""

    target: str
    cache: str  # empty or filled
    estimate: dict[str, Any]
    result: dict[str, Any]
    seconds: float  # of the whole process
    memory: float  # bytes at most
    written: int  # bytes of the output
    kept: int  # bytes that the cache grew by
    target_frames: int


def measure(target: Path, speech: Path, folder: Path) -> list[Row]:
    """A cold and a warm render, each after a dry run."""
    info, rows = media.probe(target), []
    cache, output = folder / target.stem, folder / "out.mp4"
    environment = {"XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-m", "lipsync", "render", "--json", "--overwrite"]
    command += ["--audio", str(speech), "--video", str(target), "--output", str(output)]
    for state in ("empty", "filled"):
        before = _size(cache)
        estimate = json.loads(run_measured([*command, "--dry-run"], environment).out)
        cost = run_measured(command, environment)
        name = f"{target.stem}, {info.width}×{info.height}, {float(info.duration):.0f} s"
        rows.append(
            Row(
                name,
                state,
                estimate,
                json.loads(cost.out),
                cost.wall,
                cost.memory * 1e6,
                output.stat().st_size,
                _size(cache) - before,
                info.frame_count,
            )
        )
    return rows


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def table(rows: list[Row]) -> str:
    """The page's table."""
    lines = [
        "| target | cache | frames | s: said | taken | MB of memory: said | taken "
        "| MB of output: said | written | MB of cache: said | kept "
        "| landmarks, ms | bank, ms | rest, ms | adapting, s |",
        "| --- |" + " --- |" * 14,
    ]
    for row in rows:
        said, took = row.estimate, row.result["seconds"]
        once = took.get("landmarks", 0) + took.get("mouth bank", 0)
        adapting = took.get("tuning", 0) + took.get("sound", 0)
        rest = row.seconds - once - adapting - START_S
        cells = [
            row.target, row.cache, str(said["frames"]), f"{said['seconds']:.0f}",
            f"{row.seconds:.0f}", *_pair(said["memory"], row.memory),
            *_pair(said["output_size"], row.written), *_pair(said["cache_size"], row.kept),
            f"{1000 * took.get('landmarks', 0) / row.target_frames:.1f}",
            f"{1000 * took.get('mouth bank', 0) / row.target_frames:.1f}",
            f"{1000 * rest / said['frames']:.1f}", f"{adapting:.1f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _pair(said: float, found: float) -> tuple[str, str]:
    return f"{said / 1e6:.1f}", f"{found / 1e6:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    data = parser.parse_args().shared / "data"
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        for target, speech in CASES:
            rows += measure(data / target, data / speech, Path(name))
            print(table(rows[-2:]), file=sys.stderr)
    text = (
        "# Dry runs and the renders after them\n\n"
        "Written by `python -m bench.cost.estimates`. Said: by `lipsync render --dry-run`; beside "
        "it what the render took, as a whole process, start-up included. The last columns are what "
        "`lipsync/pipelines/render_costs.py` is set from: landmarks and bank per frame of the "
        f"target, the rest per frame of the output, {START_S:g} s of start-up taken off.\n\n"
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores.\n\n{table(rows)}"
    )
    (REPO / "docs" / "benchmarks" / "estimates.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
