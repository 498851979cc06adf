"""Pictures on the street: clips that nobody tuned on. Writes docs/benchmarks/wild.md.

    python -m bench.pictures.wild [FOLDER or FILE ...] [--runs 3] [--seconds 3 5 10] [--freeze NAME]

Leave-out reconstruction: runs of consecutive frames of every clip are drawn again from the rest of
the same clip, half a second around them excluded, so that the true frames are known. Default: the
street footage, and two targets of GRID beside it. `--seconds` adds rows whose bank has only the
frames nearest in time. The worst frame of every clip is written to --out as a picture. `--freeze`
keeps the default's figures in wild_frozen.json, as a row that later runs are compared with.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import lipsync
from bench.pictures.region_metrics import Crops, RegionMetrics, compare
from bench.pictures.street import LeaveOut, StreetClip
from bench.pictures.table_rows import median
from bench.support.files import expand_folders
from lipsync.errors import LipsyncError
from lipsync.media.png import write_png
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions
from lipsync.runtime.cache import Cache
from lipsync.types import F32, U8

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "benchmarks" / "wild.md"
GRID = ("s1_120s", "s4_60s")
FROZEN = REPO / "docs" / "benchmarks" / "wild_frozen.json"
# A frame fails where a viewer would see it: the mean error (levels) of the skin, as of a glow or a
# ghost, or of the lips and what is between them.
FAILED_SKIN, FAILED_MOUTH = 14.0, 45.0
DEFAULT = "**default**"
HEAD = (
    "| row | error inner | lips | skin | border | SSIM | sharp inner | lips | skin | fine "
    "| E_warp | lively | light | frames failed |\n|" + " --- |" * 14
)
DEFINITIONS = """\
Errors: mean squared error over red, green and blue, levels², inside the lips, of the lips, of the
skin around them, and along the soft border; truth and result go through the same encoder
(`--crf 16`). Sharp: standard deviation of what lies between Gaussians of 0.01 and 0.03 outer-eye
distances, result / original. Fine: variance of the Laplacian, result / original. E_warp: the
warping error with the original's flow, result / original. Lively: mean square of the second
difference in time inside the lips' outline, result / original. Light: mean luma of the skin, levels
off. Failed: share of frames with a mean error of the skin beyond {skin:g} levels, or of the mouth
beyond {mouth:g}. The means of errors are geometric; of all else arithmetic.
The mouth is drawn in every frame, also where a render keeps the target's own (hand_over_face)."""


@dataclass(frozen=True)
class Row:
    """A row of the tables: a name, and how a run is drawn again."""

    name: str
    make: Callable[[LeaveOut], U8]


@dataclass(frozen=True)
class Score:
    """One clip in one row."""

    metrics: RegionMetrics
    failed: float  # share of frames


def rows(seconds: Sequence[float]) -> list[Row]:
    """All rows; the default last but those with less footage."""

    def default(limit: float | None) -> Callable[[LeaveOut], U8]:
        return lambda run: run.render(TextureOptions(), TeethOptions(), run.bank(limit))

    def alone(options: TextureOptions) -> Callable[[LeaveOut], U8]:
        return lambda run: run.render(options, None, run.bank())

    return [
        Row("nearest frame", alone(median(1, warp=False))),
        Row("plain median, n = 30", alone(median(30, warp=False))),
        Row("warped median, n = 12", alone(median(12, warp=True))),
        Row("warped median, n = 64", alone(median(64, warp=True))),
        Row("appearance model alone", alone(TextureOptions(detail=0.0))),
        Row(DEFAULT, default(None)),
        *(Row(f"{DEFAULT}, {limit:g} s", default(limit)) for limit in seconds),
    ]


def measure_failures(original: Crops, result: U8) -> F32:
    """How far each frame is from failing, (n,): beyond 1 it fails."""
    off = np.abs(original.frames.astype(np.float32) - result).mean(-1)
    mouth = original.regions["inner"] | original.regions["lips"]
    worst = np.zeros(len(off), np.float32)
    for region, limit in ((original.regions["skin"], FAILED_SKIN), (mouth, FAILED_MOUTH)):
        sums = (off * region).sum((1, 2)) / np.maximum(region.sum((1, 2)), 1)
        worst = np.maximum(worst, sums / limit)
    return worst


def measure_clip(path: Path, count: int, seconds: Sequence[float], out: Path) -> dict[str, Score]:
    """All rows of one clip; none if it shows no face. The default's worst frame goes to `out`."""
    scores: dict[str, Score] = {}
    with Cache(Cache.default_root()) as cache:
        try:
            clip = StreetClip.load(path, cache)
        except LipsyncError as error:
            print(error, file=sys.stderr)
            return {}
        runs = clip.runs(count)
        for row in rows(seconds):
            metrics, failures, worst = [], [], (-1.0, np.zeros((1, 1, 3), np.uint8))
            for run in runs:
                made = run.stabilize(run.encode(row.make(run)))
                metrics.append(compare(run.reference, made))
                badness = measure_failures(run.reference, made)
                failures.append(badness)
                i = int(badness.argmax())
                if badness[i] > worst[0]:
                    pair = np.concatenate([run.reference.frames[i], made[i]], axis=1)
                    worst = float(badness[i]), pair
            if not metrics:
                return {}
            failed = float((np.concatenate(failures) > 1).mean())
            scores[row.name] = Score(RegionMetrics.mean(metrics), failed)
            if row.name == DEFAULT:
                out.mkdir(parents=True, exist_ok=True)
                write_png(out / f"{clip.name}_worst.png", worst[1])
            print(clip.name, f"| {row.name} | {cells(scores[row.name])}", file=sys.stderr)
    return scores


def cells(score: Score) -> str:
    """Format as a Markdown row, in the order of HEAD."""
    m = score.metrics
    return (
        f"{m.error_inner:.0f} | {m.error_lips:.0f} | {m.error_skin:.1f} | {m.error_border:.1f} "
        f"| {m.ssim:.3f} | {m.sharp_inner:.2f} | {m.sharp_lips:.2f} | {m.sharp_skin:.2f} "
        f"| {m.fine:.2f} | {m.flicker:.2f} | {m.lively:.2f} | {m.light:.1f} | {score.failed:.0%} |"
    )


def mean(scores: list[Score]) -> Score:
    """The mean of several clips: of errors the geometric one, so that no clip outweighs all."""
    columns = {
        f.name: np.array([getattr(one.metrics, f.name) for one in scores])
        for f in fields(RegionMetrics)
    }
    means = {
        name: float(
            np.exp(np.nanmean(np.log(values))) if name.startswith("error") else np.nanmean(values)
        )
        for name, values in columns.items()
    }
    return Score(RegionMetrics(**means), float(np.mean([one.failed for one in scores])))


def read_frozen() -> tuple[str, dict[str, Score]]:
    """The frozen row: its name, and its figures by clip; empty if there is none."""
    if not FROZEN.is_file():
        return "", {}
    data = json.loads(FROZEN.read_text(encoding="utf-8"))
    known = {
        name: Score(RegionMetrics(**one["metrics"]), one["failed"])
        for name, one in data["clips"].items()
    }
    return data["name"], known


def freeze(name: str, scores: dict[str, dict[str, Score]]) -> None:
    """Keep the default's figures of these clips under a name."""
    clips = {
        clip: {"metrics": asdict(one[DEFAULT].metrics), "failed": one[DEFAULT].failed}
        for clip, one in scores.items()
    }
    text = json.dumps({"name": name, "clips": clips}, indent=1)
    FROZEN.write_text(text + "\n", encoding="utf-8")


def write_page(scores: dict[str, dict[str, Score]], folders: dict[str, str], seconds: float) -> str:
    """The page of all clips that were measured; `folders`: where each lies."""
    frozen_name, frozen = read_frozen()
    names = list(next(iter(scores.values())))
    place = names.index(DEFAULT)
    tables = {clip: dict(one) for clip, one in scores.items()}
    for clip, one in tables.items():
        if clip in frozen:
            one[f"default of {frozen_name}"] = frozen[clip]
    order = [*names[:place], f"default of {frozen_name}", *names[place:]] if frozen else names
    text = [
        "# Pictures on the street",
        "",
        f"Written by `python -m bench.pictures.wild` on {datetime.date.today()}, lipsync "
        f"{lipsync.__version__}; {platform.machine()}, {os.cpu_count()} cores, {seconds:.0f} s.",
        "",
        DEFINITIONS.format(skin=FAILED_SKIN, mouth=FAILED_MOUTH),
        "",
    ]
    means = {
        f"{folder}: mean of {len(clips)} clips": clips
        for folder in dict.fromkeys(folders.values())
        if len(clips := [clip for clip in tables if folders[clip] == folder]) > 1
    }
    for title, clips in {**means, **{clip: [clip] for clip in tables}}.items():
        text += [f"## {title}", "", HEAD]
        for row in order:
            some = [tables[clip][row] for clip in clips if row in tables[clip]]
            if some:
                text.append(f"| {row} | {cells(mean(some))}")
        text.append("")
    return "\n".join(text).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures.wild",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = REPO.parent / "shared" / "data"
    usual = [data / "wild", *(data / "targets" / f"grid_{name}.mp4" for name in GRID)]
    parser.add_argument("footage", type=Path, nargs="*", default=usual)
    parser.add_argument("--runs", type=int, default=3, help="of 16 frames, per clip")
    parser.add_argument("--seconds", type=float, nargs="*", default=(), help="of limited banks")
    parser.add_argument("--out", type=Path, default=REPO / "runs" / "wild")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="clips at once")
    parser.add_argument("--freeze", metavar="NAME", help="keep the default's figures as a row")
    options = parser.parse_args()
    paths = expand_folders(options.footage)
    began, scores = time.perf_counter(), {}
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        work = [
            pool.submit(measure_clip, path, options.runs, options.seconds, options.out)
            for path in paths
        ]
        for path, done in zip(paths, work, strict=True):
            if done.result():
                scores[path.stem] = done.result()
    if not scores:
        raise SystemExit("none of these files shows a face")
    if options.freeze:
        freeze(options.freeze, scores)
    folders = {path.stem: path.parent.name for path in paths}
    text = write_page(scores, folders, time.perf_counter() - began)
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
