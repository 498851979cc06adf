"""Renders killed at random moments and run again: docs/benchmarks/kills.md.

    python -m bench.robustness.kills [--shared ../shared] [--kills 60] [--only STAGE …] [--keep F]

A render of four seconds, in parts of one, is started as a process and killed at a moment drawn
within one of its stages; the same command then runs to its end. Its output must be that of a render
that nobody killed, and nothing may be left: no file, no process. What the stages before the drawn
one make is in the cache already, so that the moment comes soon.

--keep: trials go to a file of JSON lines, and those that are in it count.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np

import lipsync
from bench.robustness.killing import (
    PART_S,
    SPEECH_S,
    STAGES,
    TARGET,
    TARGET_S,
    WAYS,
    KilledRenders,
    Stage,
    Trial,
    Way,
)
from bench.robustness.trials import REPO
from bench.support import pages

SEED = 1


def plan_kills(count: int, stages: list[Stage]) -> Iterator[tuple[Stage, Way]]:
    """Stages in turn, each with all ways in turn."""
    for k in range(count):
        yield stages[k % len(stages)], WAYS[k // len(stages) % len(WAYS)]


def describe(trials: list[Trial], warm_s: float) -> str:
    """The page."""
    lines = [
        "# Renders that are killed\n",
        "Written by `python -m bench.robustness.kills`, "
        f"{datetime.date.today()}, lipsync {lipsync.__version__}; {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.\n",
        f"A render ({SPEECH_S} s, parts of {PART_S} s, {warm_s:.0f} s of work with all in the "
        f"cache; target: {TARGET_S} s of `{TARGET}`) is killed at a moment drawn at random within "
        "a stage, and the same command runs again to its end. Identical: every packet of picture "
        "and sound with its times, tags, and sidecar are those of a render that nobody killed, but "
        "for the time of making and the signature, which holds. Left behind: files beside the "
        "output, in `TMPDIR`, unfinished ones in the cache, and processes; after SIGTERM and "
        "SIGINT they are counted before the second run, parts to be taken over apart.\n",
        "| stage | kills | identical outputs | left behind | parts taken over, on average |",
        "|" + " --- |" * 5,
    ]
    names = dict.fromkeys(trial.stage for trial in trials)
    for name in [*names, None]:
        some = [trial for trial in trials if name in (None, trial.stage)]
        lines.append(
            f"| {name or '**all**'} | {len(some)} | {sum(not one.differences for one in some)} "
            f"| {sum(bool(one.faults) for one in some)} "
            f"| {sum(one.taken_over for one in some) / max(1, len(some)):.1f} |"
        )
    ways = [trial.way for trial in trials]
    counted = ", ".join(f"{ways.count(way)} {way}" for way in dict.fromkeys(ways))
    lines.append(f"\nSent: {counted}.")
    wrong = [trial for trial in trials if trial.differences or trial.faults]
    for one in wrong:
        what = "; ".join([*(f"another {name}" for name in one.differences), *one.faults])
        lines.append(f"- {one.stage}, {one.way}: {what}")
    return "\n".join(lines) + "\n"


def load_trials(path: Path) -> list[Trial]:
    """The trials of an earlier run; none if there was none."""
    lines = path.read_text("utf-8").splitlines() if path.is_file() else ()
    return [Trial(**json.loads(line)) for line in lines]


def main() -> None:
    """Kill, run again, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--only", nargs="*", choices=[stage.name for stage in STAGES])
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    chosen = [one for one in STAGES if args.only is None or one.name in args.only]
    trials = [] if args.keep is None else load_trials(args.keep)
    chance = np.random.default_rng([SEED, len(trials)])
    with tempfile.TemporaryDirectory(prefix="lipsync-kills-") as name:
        bench = KilledRenders(args.shared / "data", Path(name))
        for stage, way in islice(plan_kills(args.kills, chosen), len(trials), None):
            trials.append(trial := bench.run(stage, way, chance))
            if args.keep is not None:
                with args.keep.open("a", encoding="utf-8") as kept:
                    kept.write(json.dumps(asdict(trial)) + "\n")
            print(len(trials), trial, flush=True)
            page = describe(trials, bench.warm_s)
            if args.only is None:
                pages.write(REPO / "docs" / "benchmarks" / "kills.md", page)
    print(page)


if __name__ == "__main__":
    main()
