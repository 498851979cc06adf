"""The default render against its acceptance thresholds. Writes docs/benchmarks/bars.md.

    python -m bench.pictures.acceptance [--shared ../shared] [--clips 20 10]

The decisive rows of `bench.pictures.quality`, in minutes instead of an hour: the default compared
with the thresholds set by the first prototype, with the plain median of as many candidates, and
with itself without landmarks from the mirrored image.
"""

from __future__ import annotations

import argparse
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench.pictures.reconstruction import HEAD, Person
from bench.pictures.table_rows import (
    DEFINITIONS,
    PREDICTED,
    bank_minutes,
    choose_clips,
    describe_mask,
    from_lips,
    measure_rows,
    median,
    no_flip_row,
    section_date,
)
from bench.support import pages
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions
from lipsync.runtime.cache import Cache

REPO = Path(__file__).resolve().parents[2]
THRESHOLDS = {
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


def person_section(data: Path, name: str, clips: int) -> list[str]:
    """The section of one person."""
    with Cache(Cache.default_root()) as cache:
        chosen = choose_clips(data, name, clips)
        person = Person.load(name, chosen, cache)
        unflipped_person = Person.load(name, chosen, cache, flip=False)
    scenes = person.scenes(clips)
    return [
        f"## {name}: {clips} clips, a bank of {bank_minutes(person, scenes[0]):.1f} minutes",
        "",
        section_date(),
        "",
        describe_mask(scenes),
        "",
        HEAD,
        THRESHOLDS[name],
        *measure_rows(person, scenes, (*ROWS, no_flip_row(unflipped_person)), "true"),
        "",
        "The lips that the shipped speech model predicts (not adapted), against the same clips:",
        "",
        HEAD,
        *measure_rows(person, scenes, PREDICTED, "predicted"),
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures.acceptance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--clips", type=int, nargs=2, default=(20, 10), metavar=("S1", "S4"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="people at once")
    options = parser.parse_args()
    text = [
        "# The bars of pictures",
        "",
        f"Written by `python -m bench.pictures.acceptance`; {platform.machine()}, {os.cpu_count()} "
        f"cores.",
        "",
        DEFINITIONS,
        "How far the first trial's region reached is not written down; its SSIM stands in both "
        "columns.",
        "",
    ]
    work = zip(THRESHOLDS, options.clips, strict=True)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(person_section, options.shared / "data", name, n) for name, n in work]
        for part in parts:
            text += part.result()
    pages.write(REPO / "docs" / "benchmarks" / "bars.md", "\n".join(text))


if __name__ == "__main__":
    main()
