"""Cost of an inspection, stage by stage, by the video's duration → docs/benchmarks/inspect_cost.md.

    python -m bench.cost.inspection [VIDEO ...]

Every video is inspected with an empty cache, then with a filled one, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from lipsync import media
from lipsync._version import __version__

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "benchmarks" / "inspect_cost.md"
FOOTAGE = REPO.parent / "shared" / "data"
VIDEOS = ("wild/hands_and_objects.mp4", "wild/desk_french_50s.mp4", "wild/both_hands_1080p.mp4")
STAGES = ("landmarks", "sound", "pictures", "scores", "marks")


def main(argv: list[str] | None = None) -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("videos", nargs="*", type=Path)
    args = parser.parse_args(argv)
    videos = args.videos or [FOOTAGE / name for name in VIDEOS]
    lines = [
        "# Cost of an inspection",
        "",
        f"Written by `python -m bench.cost.inspection` on {date.today()}, lipsync {__version__}; "
        f"{platform.machine()}, {os.cpu_count()} cores.",
        "",
        "Real time: seconds of the whole process by seconds of video, start-up included; the bar "
        "is 1 at 720p with an empty cache. Stages in seconds.",
        "",
        "| video | size | seconds | cache | real time | " + " | ".join(STAGES) + " |",
        "| " + " | ".join("---" for _ in range(5 + len(STAGES))) + " |",
    ]
    for video in videos:
        with tempfile.TemporaryDirectory() as cache:
            for state in ("empty", "filled"):
                lines.append(_row(video, Path(cache), state))
                print(lines[-1], file=sys.stderr)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(video: Path, cache: Path, state: str) -> str:
    info = media.probe(video)
    begin = time.perf_counter()
    result = _inspect(video, cache)
    wall = time.perf_counter() - begin
    share = wall / float(info.duration)
    stages = (f"{result['seconds'].get(name, 0.0):.1f}" for name in STAGES)
    size = f"{info.width}×{info.height}, {float(info.fps):g} fps"
    cells = (video.stem, size, f"{float(info.duration):.1f}", state, f"{share:.2f}", *stages)
    return "| " + " | ".join(cells) + " |"


def _inspect(video: Path, cache: Path) -> Any:
    command = [sys.executable, "-m", "lipsync", "inspect", str(video), "--json"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
