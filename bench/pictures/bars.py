"""Does the default render pass what it is held against? Writes docs/benchmarks/bars.md.

    python -m bench.pictures.bars [--shared ../shared] [--clips 20 10]

The rows of `bench/pictures/quality.py` that decide, in minutes instead of an hour: the default
beside the bars that the first trial set, beside the plain median of as many candidates, and beside
itself without landmarks from the mirror image.
"""

from __future__ import annotations

import argparse
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench.pictures.quality import (
    DEFINITIONS,
    PREDICTED,
    block,
    files,
    from_lips,
    median,
    minutes_of,
    shares,
    unflipped,
    when,
)
from bench.pictures.reconstruction import HEAD, Person
from bench.support import pages
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions
from lipsync.runtime.cache import Cache

REPO = Path(__file__).resolve().parents[2]
BARS = {
    name: f"| bar | ≥ {psnr} | ≥ {ssim} | ≥ {ssim} | {sharp}–1.05 | | ≤ {flicker} | ≤ {border} | | "
    "| ≤ .004 | ≥ .99 | ≥ 95% |"
    for name, psnr, ssim, sharp, flicker, border in (
        ("grid_s1", 34.2, ".953", ".88", "1.10", ".90"),
        ("grid_s4", 36.4, ".961", ".78", "1.05", ".62"),
    )
}
ROWS = (
    from_lips("plain median, n = 64", median(64, warp=False)),
    from_lips("**default**", TextureOptions(), finish=TeethOptions()),
    from_lips("default, not encoded", TextureOptions(), finish=TeethOptions(), encoded=False),
)


def person(data: Path, name: str, clips: int) -> list[str]:
    """The section of one person."""
    with Cache(Cache.default_root()) as cache:
        some = files(data, name, clips)
        whose = Person.load(name, some, cache)
        once = Person.load(name, some, cache, flip=False)
    scenes = whose.scenes(clips)
    return [
        f"## {name}: {clips} clips, a bank of {minutes_of(whose, scenes[0]):.1f} minutes",
        "",
        when(),
        "",
        shares(scenes),
        "",
        HEAD,
        BARS[name],
        *block(whose, scenes, (*ROWS, unflipped(once)), "true"),
        "",
        "The lips that the shipped speech model predicts (not adapted), against the same clips:",
        "",
        HEAD,
        *block(whose, scenes, PREDICTED, "predicted"),
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--clips", type=int, nargs=2, default=(20, 10), metavar=("S1", "S4"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="people at once")
    options = parser.parse_args()
    text = [
        "# The bars of pictures",
        "",
        f"Written by `python -m bench.pictures.bars`; {platform.machine()}, {os.cpu_count()} "
        f"cores.",
        "",
        DEFINITIONS,
        "How far the first trial's region reached is not written down; its SSIM stands in both "
        "columns.",
        "",
    ]
    work = zip(BARS, options.clips, strict=True)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(person, options.shared / "data", name, n) for name, n in work]
        for part in parts:
            text += part.result()
    pages.write(REPO / "docs" / "benchmarks" / "bars.md", "\n".join(text))


if __name__ == "__main__":
    main()
