"""Compare the cold renders of several checkouts: docs/benchmarks/cold.md.

    python -m bench.cost.cold ../other-checkout . [--shared ../shared]

Each checkout renders 60 s of 1280 × 720 (a kitchen scene with its own sound, repeated) with other
speech, from an empty cache. All start at the same moment, so that whatever else the machine does
slows all of them; CPU time says most. Stages are charged as `RenderResult.seconds` has them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from lipsync.media import ffmpeg_binary, read_audio

REPO = Path(__file__).resolve().parents[2]
SECONDS, RATE = 60, 16000
TARGET = "wild/hands_and_objects.mp4"
SPEECHES = ("jfk.flac", "LJ001-0001.wav", "LJ001-0004.flac", "LJ001-0005.flac", "LJ001-0006.flac",
            "german.flac", "mandarin.flac")  # fmt: skip
START = "from lipsync.cli import main; main()"  # works in checkouts without lipsync.__main__


@dataclass(frozen=True)
class ColdRender:
    """What one cold render cost."""

    name: str
    wall: float  # seconds
    cpu: float  # seconds, of the process and its children
    stages: dict[str, float]  # seconds


def make_inputs(data: Path, folder: Path) -> tuple[Path, Path]:
    """A target and a speech of SECONDS."""
    target, speech = folder / "target.mp4", folder / "speech.wav"
    command = [
        ffmpeg_binary(), "-y", "-nostdin", "-v", "error", "-stream_loop", "9",
        "-i", str(data / TARGET), "-t", str(SECONDS), "-c:v", "libx264", "-crf", "14",
        "-preset", "veryfast", "-c:a", "aac", str(target),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    waves = [read_audio(data / "speech" / name, RATE).samples for name in SPEECHES]
    soundfile.write(speech, np.concatenate(waves)[: SECONDS * RATE], RATE)
    return target, speech


def start(checkout: Path, target: Path, speech: Path, folder: Path) -> subprocess.Popen[str]:
    """Begin a render with the code of a checkout and a cache of its own."""
    folder.mkdir()
    paths = {"PYTHONPATH": str(checkout.resolve()), "XDG_CACHE_HOME": str(folder / "cache")}
    arguments = ["render", "--audio", str(speech), "--video", str(target), "--json"]
    return subprocess.Popen(
        [sys.executable, "-c", START, *arguments, "--output", str(folder / "out.mp4")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={**os.environ, **paths},
    )


def describe(checkout: Path) -> str:
    """The commit of a checkout."""
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    return found.stdout.strip()


def wait_for(name: str, process: subprocess.Popen[str], began: float) -> ColdRender:
    """The cost of a render that was begun."""
    assert process.stdout is not None  # noqa: S101 — a pipe was asked for
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"{name}: the render failed")
    stages = json.loads(text)["seconds"]
    return ColdRender(name, wall, usage.ru_utime + usage.ru_stime, stages)


def table(renders: list[ColdRender]) -> list[str]:
    """Costs, and the last checkout's as a share of the first's."""
    ratio = renders[-1].cpu / renders[0].cpu
    lines = [
        "| | " + " | ".join(one.name for one in renders) + " |\n|" + " --- |" * (len(renders) + 1),
        "| CPU, s | " + " | ".join(f"{one.cpu:.0f}" for one in renders) + " |",
        "| wall, s | " + " | ".join(f"{one.wall:.0f}" for one in renders) + " |",
    ]
    for stage in dict.fromkeys(name for one in renders for name in one.stages):
        cells = [f"{one.stages[stage]:.1f}" if stage in one.stages else "–" for one in renders]
        lines.append(f"| {stage}, s | " + " | ".join(cells) + " |")
    return [*lines, f"\nCPU time of the last as a share of the first: **{ratio:.2f}**."]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("checkouts", type=Path, nargs="+")
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lipsync-cold-") as name:
        folder = Path(name)
        target, speech = make_inputs(args.shared / "data", folder)
        began = time.perf_counter()
        started = [
            (describe(checkout), start(checkout, target, speech, folder / str(i)))
            for i, checkout in enumerate(args.checkouts)
        ]
        with ThreadPoolExecutor() as pool:  # each wall time ends when its own render does
            waits = [pool.submit(wait_for, name, render, began) for name, render in started]
            renders = [wait.result() for wait in waits]
    lines = [
        "# Cold renders\n",
        f"Written by `python -m bench.cost.cold`, {datetime.date.today()}; {platform.machine()}, "
        f"{os.cpu_count()} cores. {SECONDS} s of 1280 × 720 with other speech, empty caches, all "
        "at the same time on one machine.\n",
        *table(renders),
    ]
    text = "\n".join(lines) + "\n"
    (REPO / "docs" / "benchmarks" / "cold.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
