"""Batches on one machine, on Ray, and in shards: docs/benchmarks/batches.md.

    python -m bench.cost.batches [--jobs 24] [--long S] [--only PART ...] [--keep FILE]

ray: jobs over three targets on a local Ray with four workers, one of which is killed in the middle,
against the same jobs made by this machine, one after another: whether outputs are equal, how often
a target was analyzed, and what a job costs beyond its render. two: one worker against two, each
with one core. shards: a long render (600 s, or S) in seven shards on two workers, against
`lipsync render`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lipsync
from bench.cost.speed import CASES, make_speech, make_target
from bench.robustness.comparison import describe_output, list_differences
from bench.support import pages
from lipsync.jobs.batch import run_batch
from lipsync.jobs.job import Job
from lipsync.media import ffmpeg_binary

REPO = Path(__file__).resolve().parents[2]
TARGETS = ("wild/one_take_60s.mp4", "wild/hands_and_objects.mp4", "targets/grid_s4_60s.mp4")
SPEECHES = ("jfk.flac", "german.flac")
TARGET_S, SPEECH_S = 12, 4
LONG_S, SHARDS = 600, 7  # the default
ANALYZED_S = 1.0  # CPU seconds of "mouth bank" from which on a job made the bank itself
PARTS = ("ray", "two", "shards")
START = "from lipsync.cli import main; main()"


def make_inputs(data: Path, folder: Path, jobs: int) -> Path:
    """A manifest of so many jobs over the targets, each with a speech of its own."""
    for name in TARGETS:
        _cut(data / name, TARGET_S, 0, folder / Path(name).name, "-vf", "scale=-2:360")
    lines = []
    for k in range(jobs):
        target, speech = TARGETS[k % len(TARGETS)], SPEECHES[k % len(SPEECHES)]
        place = folder / f"speech-{k}.wav"
        _cut(data / "speech" / speech, SPEECH_S, 0.2 * (k // len(TARGETS)), place)
        lines.append({
            "id": f"{k:02d}", "video": Path(target).name, "audio": place.name,
            "content_credentials": False, "adapt": "never",
        })  # fmt: skip
    manifest = folder / "jobs.jsonl"
    manifest.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return manifest


def describe_packets(path: Path) -> dict[str, Any]:
    """Every packet of picture and sound with its times."""
    told = describe_output(path)
    return {name: told[name] for name in ("streams", "packets")}


@contextmanager
def own_cache(place: Path) -> Iterator[None]:
    """An empty cache, for this process and those that it starts."""
    former = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(place)
    try:
        yield
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if former is not None:
            os.environ["XDG_CACHE_HOME"] = former


def run(manifest: Path, out: Path, **how: Any) -> tuple[list[dict[str, Any]], float]:
    """Make a batch with an empty cache: the lines of its ledger, and seconds."""
    lines: list[dict[str, Any]] = []
    with own_cache(out.with_name(f"{out.name}-cache")):
        result = run_batch(manifest, out, told=lambda line: lines.append(dict(line)), **how)
    if result.failed:
        raise SystemExit(f"{out.name}: jobs failed: {result.failed}")
    return sorted(lines, key=lambda line: str(line["id"])), result.seconds


def describe_ray(manifest: Path, folder: Path) -> str:
    """Four workers of a local Ray, one killed, against this machine alone."""
    killed: list[int] = []

    def kill_once(job: Job, stage: str, done: int, total: int | None) -> None:
        if stage == "render" and not killed and int(job.id) >= 6:
            killed.extend(pid for pid in [kill_task(f"render {job.id}")] if pid)

    ray, ray_s = run(manifest, folder / "ray", engine="ray", workers=4, progress=kill_once)
    local, local_s = run(manifest, folder / "local", workers=1)
    differ = [
        one["id"] for one, other in zip(ray, local, strict=True)
        if list_differences(
            describe_packets(Path(other["output"])), describe_packets(Path(one["output"]))
        )
    ]  # fmt: skip
    rendered = sum(line["seconds"] for line in local)
    analyzed = [
        sum(line["result"]["cpu_seconds"].get("mouth bank", 0) > ANALYZED_S for line in lines)
        for lines in (ray, local)
    ]
    return (
        f"{len(local)} jobs of {SPEECH_S} s over {len(TARGETS)} targets. Ray, four workers, "
        f"{len(killed)} killed: {ray_s:.0f} s, {len(ray)} done; mouth banks made: {analyzed[0]}. "
        f"This machine, one worker: {local_s:.0f} s; mouth banks made: {analyzed[1]}. Outputs "
        f"whose packets differ: {len(differ)}. Beyond its render a job took "
        f"{(local_s - rendered) / len(local):.2f} s (the worker's start included)."
    )


def kill_task(title: str) -> int:
    """Kill the process that runs a task of Ray, by its title; 0: there is none."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = place.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if told.startswith(f"ray::{title}"):
            os.kill(pid := int(place.parent.name), signal.SIGKILL)
            return pid
    return 0


@contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Run this process, and those that it starts, on so many of its cores."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def describe_two(manifest: Path, folder: Path) -> str:
    """One worker against two, with all in the cache.

    A worker that has two cores uses more than one: its stages run beside one another, and beside
    the encoder. What a second machine would add is told by the worker that has one core.
    """
    cache, times = folder / "two-cache", []
    with own_cache(cache):
        run_batch(manifest, folder / "first")
        for workers, cores in ((1, 1), (1, 2), (2, 2)):
            out, began = folder / f"{workers}-{cores}", time.monotonic()
            with on_cores(cores):
                run_batch(manifest, out, workers=workers, options={"workers": 1})
            times.append(time.monotonic() - began)
    return (
        "With all in the cache and one process a job: one worker on one core "
        f"{times[0]:.0f} s, one on two cores {times[1]:.0f} s, two on two cores {times[2]:.0f} s: "
        f"{times[0] / times[2]:.2f} and {times[1] / times[2]:.2f} times as fast."
    )


def describe_shards(data: Path, folder: Path, seconds: int) -> str:
    """A long render in seven shards on two workers, against a render."""
    target = make_target(CASES[0], data, seconds, folder)
    speech = make_speech(data, seconds, folder)
    whole, joined, plan = (folder / name for name in ("whole.mp4", "joined.mp4", "plan"))
    inputs = ["-a", str(speech), "-v", str(target)]
    with own_cache(folder / "shards-cache"):
        command("render", *inputs, "-o", str(whole))  # fills the cache
        took = {
            "render": timed(lambda: command("render", *inputs, "-o", str(whole), "--overwrite"))
        }
        took["plan"] = timed(lambda: command("plan", str(plan), *inputs, "-o", str(joined)))
        with ThreadPoolExecutor(2) as pool:
            took["shards"] = timed(lambda: list(pool.map(
                lambda i: command("shard", str(plan), f"{i}/{SHARDS}", "--workers", "1"),
                range(1, SHARDS + 1),
            )))  # fmt: skip
        took["join"] = timed(lambda: command("join", str(plan)))
    same = not list_differences(describe_packets(whole), describe_packets(joined))
    size = sum(path.stat().st_size for path in (plan / "recipe").iterdir()) / 1e6
    together = took["plan"] + took["shards"] + took["join"]
    return (
        f"{seconds} s at {CASES[0].name}, all in the cache: render {took['render']:.0f} s; plan "
        f"{took['plan']:.0f} s ({size:.0f} MB), {SHARDS} shards on two workers "
        f"{took['shards']:.0f} s, join {took['join']:.0f} s, together {together:.0f} s, "
        f"{together / took['render']:.2f} of the render. Packets "
        f"{'equal' if same else '**not equal**'}."
    )


def command(*arguments: str) -> None:
    """Run lipsync in a process of its own."""
    subprocess.run([sys.executable, "-c", START, *arguments], check=True, stdout=subprocess.DEVNULL)


def timed(work: Callable[[], Any]) -> float:
    """Seconds that some work takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _cut(source: Path, seconds: float, start: float, place: Path, *coding: str) -> None:
    arguments = [
        "-nostdin",
        "-v",
        "error",
        "-ss",
        str(start),
        "-i",
        str(source),
        "-t",
        str(seconds),
    ]
    subprocess.run([ffmpeg_binary(), *arguments, *coding, str(place)], check=True)


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--long", type=int, default=LONG_S, metavar="S")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--keep", type=Path, help="what was measured before stands on the page too")
    args = parser.parse_args()
    kept = {} if args.keep is None or not args.keep.is_file() else json.loads(args.keep.read_text())
    data = args.shared / "data"
    with tempfile.TemporaryDirectory(prefix="lipsync-batches-") as name:
        for part in args.only:
            folder = Path(name) / part
            folder.mkdir()
            if part == "shards":
                kept[part] = describe_shards(data, folder, args.long)
            else:
                manifest = make_inputs(data, folder, args.jobs)
                kept[part] = {"ray": describe_ray, "two": describe_two}[part](manifest, folder)
            print(part, kept[part], flush=True)
            shutil.rmtree(folder)
            if args.keep is not None:
                args.keep.parent.mkdir(parents=True, exist_ok=True)
                args.keep.write_text(json.dumps(kept, indent=1))
            pages.write(REPO / "docs" / "benchmarks" / "batches.md", describe(kept))


def describe(found: dict[str, str]) -> str:
    """The page of what was measured."""
    titles = {"ray": "Ray", "two": "Two workers", "shards": "Shards"}
    head = (
        "# Batches\n\nWritten by `python -m bench.cost.batches`, "
        f"{datetime.date.today()}, lipsync {lipsync.__version__}; {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}."
    )
    sections = [f"## {titles[one]}\n\n{found[one]}" for one in PARTS if one in found]
    return "\n\n".join([head, *sections]) + "\n"


if __name__ == "__main__":
    main()
