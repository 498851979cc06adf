"""How soon the page shows a second of the result: docs/benchmarks/previews.md.

    python -m bench.cost.previews [--shared ../shared] [--targets wild/…]

By the process that the page asks: faces of a new target, its first preview, further ones with other
settings, and the same while a render of the same target keeps the machine busy. The cache is empty
at first.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lipsync
from lipsync import media
from lipsync.jobs.service.look_process import LookProcess
from lipsync.web.studio import WORKER

REPO = Path(__file__).resolve().parents[2]
TARGETS = (
    "targets/grid_s4_60s.mp4", "wild/hands_and_objects.mp4", "wild/one_take_60s.mp4",
    "wild/room_light_1080p.mp4",
)  # fmt: skip
SPEECH = "speech/jfk.flac"
# Settings that a user tries one after another.
TRIED: tuple[dict[str, Any], ...] = (
    {"jaw": 0.5}, {"teeth": "off"}, {"candidates": 32}, {"detail": 0.5}, {"articulation": 0.8},
)  # fmt: skip
PATIENCE_S = 600.0


def measure(data: Path, name: str) -> list[float]:
    """Seconds: faces; first preview; median of further ones; the same beside a render."""
    target, speech = data / name, data / SPEECH
    worker = LookProcess(WORKER)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LIPSYNC_CACHE"] = str(Path(folder, "cache"))
        place = Path(folder)

        def preview(options: dict[str, Any]) -> None:
            worker.ask(
                "preview", "preview", PATIENCE_S, audio=str(speech), path=str(target),
                output=str(place / "preview.mp4"), compare=str(place / "compare.mp4"),
                options={**options, "workers": 1},
            )  # fmt: skip

        def find_faces() -> None:
            worker.ask("faces", "video", PATIENCE_S, path=str(target),
                       picture=str(place / "faces.png"))  # fmt: skip

        try:
            times = [_time(find_faces), _time(lambda: preview({}))]
            times.append(statistics.median(_time(lambda: preview(one)) for one in TRIED))  # noqa: B023
            command = [sys.executable, "-m", "lipsync", "render", "-a", str(speech), "-v",
                       str(target), "-o", str(place / "out.mp4")]  # fmt: skip
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as rendering:
                time.sleep(5)  # by then it works
                beside = [_time(lambda: preview(one)) for one in TRIED[:3]]  # noqa: B023
                busy = rendering.poll() is None
                rendering.terminate()
            times.append(statistics.median(beside) if busy else float("nan"))
        finally:
            worker.stop()
    return times


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--targets", nargs="+", default=TARGETS, help="below data/")
    args = parser.parse_args()
    data = args.shared / "data"
    lines = [
        "# Previews",
        "",
        f"Written by `python -m bench.cost.previews`, {datetime.date.today()}, lipsync "
        f"{lipsync.__version__}; {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}.",
        "",
        "How long the page takes until it shows a second of the result, with its comparison, of a "
        "target that nobody has analyzed. Faces: from a new process, which loads its libraries "
        f"meanwhile. Further: the median of {len(TRIED)} other settings. Beside a render: the same "
        "while `lipsync render` analyzes or draws the same target.",
        "",
        "| target | faces, s | first preview, s | further, s | further, beside a render, s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in args.targets:
        info = media.probe(data / name)
        times = " | ".join(f"{one:.1f}" for one in measure(data, name))
        size = f"{info.width}×{info.height}, {float(info.fps):g} fps"
        lines.append(f"| {Path(name).stem}, {size} | {times} |")
        print(lines[-1], file=sys.stderr)
    page = REPO / "docs" / "benchmarks" / "previews.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
