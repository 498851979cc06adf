"""Commands given damaged files: docs/benchmarks/mutants.md.

    python -m bench.robustness.mutants [--shared ../shared] [--mutants 200] [--only KIND …]

Speech, targets, options, subtitles, weights and entries of the cache are damaged at random
(`mutations`), and a render with each runs as a process. It must end within a minute of work: with a
video that can be decoded, or with one line that says what is wrong and nothing written. Some files
want to run code when they are read; none may.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import tempfile
from pathlib import Path

import numpy as np

import lipsync
from bench.robustness.damaged_inputs import KINDS
from bench.robustness.damaged_renders import MOST_S, WAIT_S, DamagedRenders, Outcome
from bench.robustness.trials import REPO
from bench.support import pages

SEED = 1


def describe(outcomes: list[Outcome]) -> str:
    """The page."""
    lines = [
        "# Damaged inputs\n",
        "Written by `python -m bench.robustness.mutants`, "
        f"{datetime.date.today()}, lipsync {lipsync.__version__}; {platform.machine()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.\n",
        "Each row: renders whose input of that kind was damaged (flipped bits, missing ends and "
        "pieces, noise, absurd numbers in headers; code to be run). Refused: exit code 2 and one "
        "line that says why. Rendered: exit code 0 and a video that can be decoded to its end; "
        "with a damaged cache, the very video that an undamaged one gives (sealed again: one whose "
        "checksums somebody made right). Faults: any other exit code, a traceback, more than "
        f"{MOST_S} s of processor time or {WAIT_S} s of any, a file or process left behind, an "
        "output in spite of an error, or code that was run. Processes are forked from one that "
        "has loaded the libraries.\n",
        "| kind | damaged files | refused | rendered | faults | slowest, s of processor time |",
        "|" + " --- |" * 6,
    ]
    for name in [*dict.fromkeys(one.kind for one in outcomes), None]:
        some = [one for one in outcomes if name in (None, one.kind)]
        right = [one for one in some if not one.faults]
        lines.append(
            f"| {name or '**all**'} | {len(some)} | {sum(one.code == 2 for one in right)} "
            f"| {sum(one.code == 0 for one in right)} | {len(some) - len(right)} "
            f"| {max(one.cpu_s for one in some):.0f} |"
        )
    wrong = [one for one in outcomes if one.faults]
    told = [f"- {one.kind}, {one.what}: {'; '.join(one.faults)}" for one in wrong]
    return "\n".join([*lines, "", *told]).rstrip() + "\n"


def main() -> None:
    """Damage, render, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--only", nargs="*", choices=list(KINDS))
    parser.add_argument("--keep", type=Path, help="folder for the files that revealed a fault")
    args = parser.parse_args()
    chosen = [kind for kind in KINDS if args.only is None or kind in args.only]
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="lipsync-mutants-") as name:
        bench = DamagedRenders(args.shared / "data", Path(name), args.keep)
        for k in range(args.mutants):
            kind = chosen[k % len(chosen)]
            chance = np.random.default_rng([SEED, list(KINDS).index(kind), k // len(chosen)])
            outcomes.append(outcome := bench.run(kind, k // len(chosen), chance))
            print(len(outcomes), outcome, flush=True)
            page = describe(outcomes)
            if args.only is None:
                pages.write(REPO / "docs" / "benchmarks" / "mutants.md", page)
    print(page)


if __name__ == "__main__":
    main()
