"""Speed and memory of whole renders, against merely re-encoding: docs/benchmarks/speed.md.

    python -m bench.cost.speed [--shared ../shared] [--only SIZE ...] [--long [S]] [--keep DIR]

Whole processes are timed, start-up included: ffmpeg that decodes the target and encodes it again
with the settings of a render, a render with an empty cache, and one with all in the cache. A minute
of a GRID speaker is scaled to three sizes; a minute of a kitchen scene stands for the street. Run
it on a quiet machine: ratios are of times measured one after the other.

--long adds ten minutes (or S seconds) of the smallest size and two renders at once; it takes half
an hour more.
--keep: what was measured goes to a folder, and what that folder has of other cases, measured
before, stands on the page as well.
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
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile

import lipsync
from bench.cost.cold import SPEECHES
from bench.support.processes import Cost, StartedCommand, run_measured
from lipsync.media import ffmpeg_binary, read_audio

REPO = Path(__file__).resolve().parents[2]
RATE, SECONDS, LONG = 16000, 60, 600
START = "from lipsync.cli import main; main()"


@dataclass(frozen=True)
class Case:
    """A target, and the bars of the ratios."""

    name: str
    source: str  # in the data
    size: tuple[int, int]
    warm: float | None = None  # × the re-encode
    warm_real: float | None = None  # × real time
    cold_real: float | None = None
    memory: float | None = None  # MB


CASES = (
    Case("360p", "targets/grid_s4_60s.mp4", (360, 288), warm_real=0.25),
    Case("720p", "targets/grid_s4_60s.mp4", (1280, 720), 1.5, 0.6, 1.25, 700),
    Case("1080p", "targets/grid_s4_60s.mp4", (1920, 1080), 1.4, None, 2.0, 1200),
    Case("street", "wild/hands_and_objects.mp4", (1280, 720)),
)


@dataclass(frozen=True)
class Measured:
    """What one case cost."""

    case: Case
    seconds: float  # of output
    encode: Cost
    cold: Cost
    warm: Cost


def make_target(case: Case, data: Path, seconds: int, folder: Path) -> Path:
    """The source, repeated and scaled, with its own sound."""
    place = folder / f"{case.name}-{seconds}.mp4"
    width, height = case.size
    command = [
        ffmpeg_binary(), "-y", "-nostdin", "-v", "error", "-stream_loop", "-1",
        "-i", str(data / case.source), "-t", str(seconds), "-vf", f"scale={width}:{height}",
        "-c:v", "libx264", "-crf", "14", "-preset", "veryfast", "-c:a", "aac", str(place),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return place


def make_speech(data: Path, seconds: int, folder: Path) -> Path:
    """Several voices, one after the other."""
    place = folder / f"speech-{seconds}.wav"
    waves = [read_audio(data / "speech" / name, RATE).samples for name in SPEECHES]
    whole = np.concatenate(waves)
    soundfile.write(place, np.resize(whole, seconds * RATE), RATE)
    return place


def encode_again(target: Path, frames: int, output: Path) -> list[str]:
    """The command that decodes a target and encodes it as a render does."""
    return [
        ffmpeg_binary(), "-y", "-nostdin", "-v", "error", "-i", str(target), "-an",
        "-frames:v", str(frames), "-c:v", "libx264", "-crf", "16", "-preset", "fast",
        "-x264-params", "chroma-qp-offset=-8", str(output),
    ]  # fmt: skip


def render(target: Path, speech: Path, output: Path) -> list[str]:
    """The command of a render."""
    arguments = ["render", "--json", "--overwrite", "-a", str(speech), "-v", str(target)]
    return [sys.executable, "-c", START, *arguments, "-o", str(output)]


def measure(case: Case, data: Path, seconds: int, folder: Path) -> Measured:
    """Encode again, then render with an empty and with a filled cache."""
    target, speech = make_target(case, data, seconds, folder), make_speech(data, seconds, folder)
    cache = {"XDG_CACHE_HOME": str(folder / f"cache-{case.name}-{seconds}")}
    command = render(target, speech, folder / "out.mp4")
    cold = run_measured(command, cache)
    warm = run_measured(command, cache)
    result = json.loads(warm.out)
    again = encode_again(target, result["frames"], folder / "again.mp4")
    length = float(result["frames"] / Fraction(result["fps"]))
    return Measured(case, length, run_measured(again), cold, warm)


def _over(value: float, bar: float | None) -> str:
    if bar is None:
        return f"{value:.2f}"
    return f"{value:.2f} ({'met' if value <= bar else '**missed**'}: {bar:g})"


def describe_cases(rows: list[Measured]) -> str:
    """Times and memory, with the bars."""
    lines = [
        "| target | s | re-encode s, CPU s | warm s, CPU s | cold s, CPU s | warm / re-encode "
        "| warm / real time | cold / real time | MB re-encode, warm, cold | with mapped files |",
        "|" + " --- |" * 10,
    ]
    for row in rows:
        case = row.case
        worst = max(row.warm.memory, row.cold.memory)
        bar = "" if case.memory is None else (
            f" ({'met' if worst <= case.memory else '**missed**'}: {case.memory:g})"
        )  # fmt: skip
        costs = (row.encode, row.warm, row.cold)
        cells = [
            f"{case.name}, {case.size[0]}×{case.size[1]}", f"{row.seconds:.0f}",
            *(f"{one.wall:.1f}, {one.cpu:.0f}" for one in costs),
            _over(row.warm.wall / row.encode.wall, case.warm),
            _over(row.warm.wall / row.seconds, case.warm_real),
            _over(row.cold.wall / row.seconds, case.cold_real),
            ", ".join(f"{one.memory:.0f}" for one in costs) + bar,
            ", ".join(f"{one.mapped:.0f}" for one in costs),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def describe_stages(rows: list[Measured]) -> str:
    """Where the time goes, cold and warm."""
    told = {
        f"{row.case.name} {how}": json.loads(cost.out)
        for row in rows
        for how, cost in (("cold", row.cold), ("warm", row.warm))
    }
    stages = dict.fromkeys(stage for one in told.values() for stage in one["seconds"])
    lines = ["| stage | " + " | ".join(told) + " |", "| --- |" + " --- |" * len(told)]
    for stage in stages:
        cells = []
        for one in told.values():
            wall, cpu = one["seconds"].get(stage), one["cpu_seconds"].get(stage)
            cells.append("–" if wall is None else f"{wall:.1f}, {cpu:.1f}")
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def describe_lengths(short: Measured, long: Measured) -> str:
    """Cost per frame and memory of a minute and of ten."""
    lines = [
        "| s | warm, ms per frame | CPU, ms per frame | cold, ms per frame | MB warm, cold |",
        "|" + " --- |" * 5,
    ]
    for row in (short, long):
        frames = json.loads(row.warm.out)["frames"]
        times = (row.warm.wall, row.warm.cpu, row.cold.wall)
        cells = [f"{row.seconds:.0f}", *(f"{1000 * one / frames:.1f}" for one in times)]
        cells.append(f"{row.warm.memory:.0f}, {row.cold.memory:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    share = long.warm.memory / short.warm.memory
    return "\n".join(lines) + f"\n\nMemory of the long one, warm: {_over(share, 1.05)} × the short."


def describe_pair(data: Path, folder: Path) -> str:
    """Two warm renders at once, against one after the other."""
    case = CASES[0]
    target, speech = make_target(case, data, SECONDS, folder), make_speech(data, SECONDS, folder)
    cache = {"XDG_CACHE_HOME": str(folder / f"cache-{case.name}-{SECONDS}")}
    commands = [render(target, speech, folder / f"{name}.mp4") for name in ("one", "other")]
    run_measured(commands[0], cache)
    apart = sum(run_measured(command, cache).wall for command in commands)
    started = [StartedCommand(command, cache) for command in commands]
    together = max(one.wait().wall for one in started)
    return (
        f"Two warm renders of the smallest target: one after the other {apart:.1f} s, at once "
        f"{together:.1f} s, {_over(together / apart, 1.1)} of that."
    )


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--only", nargs="*", choices=[case.name for case in CASES])
    parser.add_argument("--long", type=int, nargs="?", const=LONG)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    data = args.shared / "data"
    chosen = [case for case in CASES if args.only is None or case.name in args.only]
    rows = {} if args.keep is None else load_rows(args.keep)
    with tempfile.TemporaryDirectory(prefix="lipsync-speed-") as name:
        folder = Path(name)
        for case in chosen:
            rows[case.name] = measure(case, data, SECONDS, folder)
            if args.keep is not None:
                keep_row(rows[case.name], args.keep)
            sections = describe([rows[one.name] for one in CASES if one.name in rows])
            write(sections)
        if args.long:
            long = measure(CASES[0], data, args.long, folder)
            sections.append("## Length\n\n" + describe_lengths(rows[CASES[0].name], long))
            sections.append("## Two at once\n\n" + describe_pair(data, folder))
            write(sections)


def keep_row(row: Measured, folder: Path) -> None:
    """Write what was measured of a case."""
    folder.mkdir(parents=True, exist_ok=True)
    costs = {how: asdict(getattr(row, how)) for how in ("encode", "cold", "warm")}
    text = json.dumps({"seconds": row.seconds, **costs})
    (folder / f"{row.case.name}.json").write_text(text, encoding="utf-8")


def load_rows(folder: Path) -> dict[str, Measured]:
    """What `keep_row` wrote, by the case's name."""
    rows = {}
    for case in CASES:
        path = folder / f"{case.name}.json"
        if path.is_file():
            found = json.loads(path.read_text("utf-8"))
            seconds = found.pop("seconds")
            rows[case.name] = Measured(case, seconds, **{k: Cost(**v) for k, v in found.items()})
    return rows


def describe(rows: list[Measured]) -> list[str]:
    """The sections on renders of a minute."""
    return [
        "## A minute\n\n" + describe_cases(rows),
        "## Stages, s of wall time and of CPU time of the thread that ran them\n\n"
        "Texture, decoding and the rest of the drawing run beside one another and beside the "
        "encoder: wall times do not add up. CPU time of ffmpeg and of threads that libraries "
        "start is in the table above, not here.\n\n" + describe_stages(rows),
    ]


def write(sections: list[str]) -> None:
    """Write the page."""
    head = (
        "# Speed\n\n"
        "Written by `python -m bench.cost.speed`, "
        f"{datetime.date.today()}, lipsync {lipsync.__version__}; {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.\n\n"
        "Wall times are of whole processes, start-up included; CPU time is of all their processes. "
        "Re-encode: ffmpeg decodes the target and encodes as many frames with the settings of a "
        "render (x264, fast, crf 16). Cold: nothing in the cache; warm: landmarks, adaptation and "
        "mouth bank in it. Memory: the most that all processes of the command held at once, "
        "without and with pages of mapped files, which the system can take back.\n"
    )
    page = head + "\n" + "\n\n".join(sections) + "\n"
    (REPO / "docs" / "benchmarks" / "speed.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
