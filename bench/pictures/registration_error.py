"""Share of a reconstruction's error that is misplacement. Writes docs/benchmarks/ceiling.md.

    python -m bench.pictures.registration_error [--shared ../shared] [--clips 12 6]

Default renders of clips with known truth (see `bench.pictures.quality`) are registered to the truth
after the fact: by one affine map per frame, and by smoothed optical flow. No real render can do
that; it approximates what perfect landmarks would gain. The flow is an estimate, not a bound.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.pictures.picture_metrics import PictureMetrics, pixel_grid
from bench.pictures.reconstruction import Person, TestClip
from bench.pictures.table_rows import choose_clips
from bench.support import pages
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions
from lipsync.runtime.cache import Cache
from lipsync.types import F32, U8

REPO = Path(__file__).resolve().parents[2]
MARGIN = 8  # pixels around the mask
SMOOTH = 6.0  # pixels: σ of the flow's smoothing; what is finer would follow noise
STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
Move = Callable[[U8, U8, U8], F32]  # truth, result (h, w) and mask (h, w) → places (h, w, 2)


def affine_map(truth: U8, made: U8, mask: U8) -> F32:
    """Affine map that maximizes the correlation (Evangelidis and Psarakis 2008)."""
    matrix = np.eye(2, 3, dtype=np.float32)
    pictures = truth.astype(np.float32), made.astype(np.float32)
    try:
        _, matrix = cv2.findTransformECC(*pictures, matrix, cv2.MOTION_AFFINE, STEPS, mask * 255, 3)
    except cv2.error:  # no convergence: leave the picture as it is
        matrix = np.eye(2, 3, dtype=np.float32)
    return np.asarray(pixel_grid(*truth.shape) @ matrix[:, :2].T + matrix[:, 2], np.float32)


def flow_map(truth: U8, made: U8, mask: U8) -> F32:
    """Smoothed optical flow."""
    del mask
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = cv2.GaussianBlur(finder.calc(truth, made, None), (0, 0), SMOOTH)
    return np.asarray(pixel_grid(*truth.shape) + found, np.float32)


def register(scene: TestClip, made: U8, move: Move) -> U8:
    """Move the rendered mouth onto the true one, inside the mask."""
    frames = made.copy()
    for i, region in enumerate(scene.region):
        rows, columns = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
        box = (
            slice(max(rows[0] - MARGIN, 0), rows[-1] + MARGIN),
            slice(max(columns[0] - MARGIN, 0), columns[-1] + MARGIN),
        )
        truth, result = (
            cv2.cvtColor(f[box], cv2.COLOR_RGB2GRAY) for f in (scene.frames[i], made[i])
        )
        at = move(truth, result, region[box].astype(np.uint8))
        moved = cv2.remap(made[i][box], at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        frames[i][box][region[box]] = moved[region[box]]
    return frames


MOVES: dict[str, Move | None] = {
    "default": None,
    "moved by an affine map per frame": affine_map,
    "bent by smoothed flow": flow_map,
}


def person_table(person: Person, clips: int) -> list[str]:
    """The table of one person."""
    found: dict[str, list[PictureMetrics]] = {name: [] for name in MOVES}
    for scene in person.scenes(clips):
        made = scene.render_mouth(TextureOptions(), person.lips, TeethOptions())
        for name, move in MOVES.items():
            shown = made if move is None else register(scene, made, move)
            found[name].append(scene.reference.measure(scene.encode(shown)))
        print(person.name, scene.index, file=sys.stderr, flush=True)
    table = ["| row | PSNR | SSIM | SSIM, touched | sharpness |", "|" + " --- |" * 5]
    for name, figures in found.items():
        p = PictureMetrics.mean(figures)
        table.append(
            f"| {name} | {p.psnr:.1f} | {p.ssim:.3f} | {p.ssim_touched:.3f} | {p.sharpness:.2f} |"
        )
    return [f"## {person.name}: {clips} clips", "", *table, ""]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures.registration_error",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--clips", type=int, nargs=2, default=(12, 6), metavar=("S1", "S4"))
    args = parser.parse_args()
    text = [
        "# Misplacement",
        "",
        "Written by `python -m bench.pictures.registration_error`.",
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores.",
        "",
        "Default renders as in [quality.md](quality.md), true lips, encoded; then the same laid "
        "onto the truth after the fact, which no render can: about what perfect landmarks could "
        "bring. The flow is an estimate, not a bound.",
        "",
    ]
    for name, clips in zip(("grid_s1", "grid_s4"), args.clips, strict=True):
        with Cache(Cache.default_root()) as cache:
            person = Person.load(name, choose_clips(args.shared / "data", name, clips), cache)
        text += person_table(person, clips)
    pages.write(REPO / "docs" / "benchmarks" / "ceiling.md", "\n".join(text))


if __name__ == "__main__":
    main()
