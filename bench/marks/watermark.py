"""What the marks survive and cost, and whether the watermark is seen. Writes marks.md.

    python -m bench.marks.watermark [--shared ../shared] [--only SECTION ...]

Sections: survival (which measures "Invisible" too), alarms, outputs ("Cost" and "Content
credentials"). Landmarks of videos that are unchanged since an earlier run come from the user's
cache; all else is computed anew.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from pathlib import Path

import lipsync
from bench.marks import false_alarms, outputs, survival
from bench.support import pages
from lipsync.runtime.cache import Cache

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "benchmarks" / "marks.md"
SECTIONS = ("survival", "alarms", "outputs")


def measure(section: str, data: Path) -> str:
    """The text of the sections that are measured together."""
    with Cache(Cache.default_root()) as cache:
        if section == "survival":
            outcomes, changes = survival.measure(data, cache)
            parts = [survival.describe_survival(outcomes), survival.describe_changes(changes)]
        elif section == "alarms":
            parts = [false_alarms.describe(false_alarms.measure(data, cache))]
        else:
            parts = outputs.describe(data, cache)
    return "\n\n".join(parts)


def main() -> None:
    """Measure, and write each section as soon as it is done."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.marks.watermark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    options = parser.parse_args()
    head = (
        "# Marks\n\nWritten by `python -m bench.marks.watermark`, last on "
        f"{datetime.date.today()}, lipsync {lipsync.__version__}; {platform.machine()}, "
        f"{os.cpu_count()} cores. What each mark is: [marks](../marks.md). Footage: street clips "
        "that nobody tuned on, and people of GRID."
    )
    for section in options.only:
        began = time.perf_counter()
        text = measure(section, options.shared / "data")
        pages.write(PAGE, f"{head}\n\n{text}\n")
        print(f"{section}: {time.perf_counter() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
