"""Make the pictures of docs/gallery.md and docs/start.md, each by a render.

    python scripts/make_gallery.py [--shared ../shared] [--only NAME …]

Without the folder of footage only the bundled sample is made. Everything is rendered with
`--timing cut`, so that output frame i shows target frame i. Of each of COLUMNS equal parts of a
result it shows the frame in which target and result differ most; nobody chooses. After each
picture, what the result says of itself is printed.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
from page_pictures import IMAGES, SAMPLE, compare, read_frames, telling_frames, write

import lipsync

COLUMNS = 6
SHEET = 0.6  # of its size, at which the contact sheet is shown


@dataclass(frozen=True)
class Case:
    """A picture of the gallery."""

    name: str
    target: str  # below the folder of footage; empty: the bundled sample
    speech: str
    how: str = ""  # "still": of the target's first frame alone


CASES = (
    Case("sample", "", ""),
    Case("grid-s1", "targets/grid_s1_120s.mp4", "speech/jfk.flac"),
    Case("grid-s4", "targets/grid_s4_60s.mp4", "speech/LJ001-0001.wav"),
    Case("short", "grid_s1/bbaf2n.mkv", "speech/jfk.flac"),
    Case("fails-still", "targets/grid_s4_60s.mp4", "speech/LJ001-0001.wav", "still"),
)


def render_case(case: Case, shared: Path, folder: Path) -> None:
    """Render one case and write its picture."""
    target = shared / "data" / case.target if case.target else SAMPLE / "target.mp4"
    speech = shared / "data" / case.speech if case.speech else SAMPLE / "speech.wav"
    before = read_frames(target)
    if case.how == "still":
        target = folder / "still.png"
        cv2.imwrite(str(target), before[0])
    options = {"timing": "auto" if case.how else "cut"}
    sheet, out = folder / f"{case.name}.png", folder / f"{case.name}.mp4"
    result = lipsync.render(speech, target, out, sheet=sheet, options=options)
    after = read_frames(Path(result.output))
    if case.how == "still":
        before = [before[0]] * len(after)
    chosen = telling_frames(before, after, COLUMNS)
    write(IMAGES / "gallery" / f"{case.name}.jpg", compare(before, after, chosen))
    if case.name == "sample":
        picture = cv2.imread(str(sheet))
        size = (round(picture.shape[1] * SHEET), round(picture.shape[0] * SHEET))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        write(IMAGES / "start" / "sheet.jpg", small)
    missing = sum(end - start for start, end in result.coverage)
    print(f"  frames {chosen} of {result.frames}; {result.changed_frames} are new")
    print(
        f"  seconds without a similar mouth in the footage: {missing:.1f} of {result.duration:.1f}"
    )
    print(f"  {result.adaptation}")
    for warning in result.warnings:
        print(f"  warning: {warning}")


def main() -> None:
    """Render and write the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--only", nargs="*", default=[case.name for case in CASES])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            there = not case.target or (arguments.shared / "data" / case.target).exists()
            if case.name in arguments.only and there:
                render_case(case, arguments.shared, Path(folder))


if __name__ == "__main__":
    main()
