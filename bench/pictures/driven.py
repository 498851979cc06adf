"""Street clips that say something else: what a viewer would name. Writes docs/benchmarks/driven.md.

    python -m bench.pictures.driven [FOLDER or FILE ...] [--speech FILE ...]

There is no truth to compare with: finished, encoded renders are measured against what was asked for
(lips, jaw), against the same frame of the target (light), and against the person's own mouths of
the most similar shape (sharpness, motion). 24 consecutive frames of every render, and its worst
one, are written to --out as pictures: look at them.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

import lipsync
from bench.pictures.lip_correlation import correlate
from bench.pictures.picture_metrics import band_contrast, optical_flows
from bench.pictures.region_metrics import (
    MAX_SCALE,
    Regions,
    acceleration,
    face_regions,
    luma,
    mean_of_fields,
    stabilize,
    warping_error,
)
from bench.support.files import expand_folders
from lipsync import media
from lipsync.errors import LipsyncError
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.marks.marking import Marking
from lipsync.marks.origin import GENERATED_MOUTH
from lipsync.media.png import write_png
from lipsync.options import RenderOptions
from lipsync.pipelines.outputs import OutputPaths
from lipsync.pipelines.recipe import identify_output
from lipsync.pipelines.render import plan_render
from lipsync.pipelines.render_output import write_output
from lipsync.pipelines.render_plan import read_script
from lipsync.pipelines.speaker_render import SpeakerRender
from lipsync.runtime.cache import Cache
from lipsync.runtime.context import RunContext
from lipsync.types import F32, I64, U8, Bools, VideoInfo

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "benchmarks" / "driven.md"
# Gaps between the inner lips, outer-eye distances: asked to be shut, and seen so; asked to be open
# (share of the widest asked for), and seen so (share of what was asked).
SHUT_ASKED, SHUT_SEEN, OPEN_ASKED, OPEN_SEEN = 0.02, 0.04, 0.6, 0.6
# A frame fails where a viewer would see it: light of the skin (levels) off the same frame's own, or
# jumping although the frame's own does not; a gap far from what was asked; no face found any more.
MAX_LIGHT, MAX_JUMP, MAX_GAP = 14.0, 6.0, 0.07
MAX_FAILED = 0.01  # share of frames at which a clip still counts as whole
SHEET_FRAMES, SHEET_ZOOM = 24, 330  # frames; pixels across a tile
DEFINITIONS = f"""\
Not adapted, `--timing cut`, encoded; lips and jaw detected again. r open: correlation of the gap
between the inner lips with the one asked for. Shut: of the frames that ask for a gap of at most
{SHUT_ASKED:g} outer-eye distances, the share with at most {SHUT_SEEN:g}. Open: of those that ask
for at least {OPEN_ASKED:g} of the widest, the share with at least {OPEN_SEEN:g} of what they ask.
Sharp: standard deviation of what lies between Gaussians of 0.01 and 0.03 outer-eye distances, by
the same of the person's own frames whose lips are nearest to those asked for, region by region.
Lively: mean square of the second difference in time inside the lips' outline, by the target's own.
E_warp: the warping error with each video's own flow, result / target. Jaw: median distance of the
jaw line from the one asked for, outer-eye distances. Light: median of the skin's luma off the same
frame's own, levels: mean, and the worst frame. Failed: share of frames whose skin is more than
{MAX_LIGHT:g} levels off, or jumps by {MAX_JUMP:g} although the target's own does not, or whose gap
is more than {MAX_GAP:g} off, or that show no face any more. A render is whole if no more than
{MAX_FAILED:.0%} of its frames fail."""
HEAD = (
    "| clip | speech | frames | r open | shut | open | sharp inner | lips | skin | lively "
    "| E_warp | jaw | light | worst | failed |\n|" + " --- |" * 15
)


@dataclass(frozen=True)
class DrivenMetrics:
    """Metrics of one render; NaN where nothing was there to tell."""

    r_open: float
    shut: float  # share of the frames that ask for it
    opened: float
    sharp_inner: float  # result / own mouths of like shape
    sharp_lips: float
    sharp_skin: float
    lively: float
    flicker: float
    jaw: float
    light: float
    light_worst: float
    failed: float

    @staticmethod
    def mean(rows: list[DrivenMetrics]) -> DrivenMetrics:
        """The mean of several renders, NaN left out."""
        return DrivenMetrics(*mean_of_fields(rows))


def render(target: Path, speech: Path, output: Path) -> SpeakerRender:
    """Write a render as `lipsync.render` does, and return its plan."""
    options = RenderOptions.of(timing="cut", adapt="never")
    script = read_script(speech, target, (), None, options)
    inputs = script.inputs.values()
    paths = OutputPaths.check(output, None, None, None, inputs=inputs, overwrite=True)
    run_options = options.run
    with (
        RunContext.open(run_options.cache, run_options.device, None) as run,
        run.cache.room() as folder,
    ):
        planned = plan_render(script, paths, options, run, folder)
        marking = Marking.plan(
            paths.output, GENERATED_MOUTH, options.marks, identify_output(script, options)
        )
        recipe = planned.recipe(script, paths, options, marking)
        write_output(recipe, paths, marking, run)
    return planned.speakers[0]


def face_in(info: VideoInfo) -> TrackedFace:
    """The face of a finished video, found anew."""
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    return TrackedFace.of(track)


@dataclass(frozen=True, eq=False)
class Scene:
    """A render beside the video it was made from, in stabilized crops of n frames."""

    plan: SpeakerRender
    seen: TrackedFace  # in the result
    result: U8  # (n, h, w, 3)
    target: U8
    regions: Regions  # of the lips asked for
    scale: float

    @staticmethod
    def of(plan: SpeakerRender, output: Path) -> Scene:
        """Read a finished render and its target."""
        wanted = plan.wanted
        scale = min(float(np.median(wanted.target.scale)), MAX_SCALE)
        made = media.probe(output, keep_stamps=plan.scene.info.stamps is not None)
        count = min(made.frame_count, len(wanted))
        to_frame, order = wanted.target.to_frame[:count], np.asarray(wanted.order[:count], np.int64)
        result = read_crops(made, np.arange(count), to_frame, scale)
        target = read_crops(plan.scene.info, order, to_frame, scale)
        regions = face_regions(
            plan.wanted.face.at(order), wanted.lips.points[:count], scale, result.shape[1:3]
        )
        return Scene(plan, face_in(made), result, target, regions, scale)

    def __len__(self) -> int:
        return len(self.result)

    @property
    def drawn(self) -> Bools:
        """(n,), the mouth is new and the face visible."""
        return np.asarray((self.plan.visible > 0.99) & self.plan.wanted.target.found)[: len(self)]


def read_crops(video: VideoInfo, frames: I64, to_frame: F32, scale: float) -> U8:
    """Stabilized crops of ascending frames (n,) of a video; `to_frame`: (n, 2, 3)."""
    crops: list[U8] = []
    for i, frame in enumerate(media.read_frames(video, 0, int(frames[-1]) + 1)):
        while len(crops) < len(frames) and frames[len(crops)] == i:
            crops.append(stabilize(frame[None], to_frame[len(crops), None], scale)[0])
    return np.stack(crops)


def measure(scene: Scene) -> tuple[DrivenMetrics, F32]:
    """Metrics of a render, and how far each frame is from failing, (n,): beyond 1 it fails."""
    n, drawn = len(scene), scene.drawn
    asked = scene.plan.wanted.lips.opening[:n]
    seen = np.full(n, np.nan, np.float32)
    known = min(n, len(scene.seen))
    seen[:known] = scene.seen.lips.opening[:known]
    seen[~drawn] = np.nan
    shut, wide = asked <= SHUT_ASKED, asked >= OPEN_ASKED * np.nanmax(asked[drawn])
    r_open, _ = correlate(asked, seen)
    light = skin_light(scene)
    badness = find_failures(scene, asked, seen, light)
    own = like_shapes(scene)
    sharp = {name: compare_sharpness(scene, own, name) for name in ("inner", "lips", "skin")}
    metrics = DrivenMetrics(
        r_open=r_open,
        shut=share(seen <= SHUT_SEEN, shut & drawn),
        opened=share(seen >= OPEN_SEEN * asked, wide & drawn),
        sharp_inner=sharp["inner"],
        sharp_lips=sharp["lips"],
        sharp_skin=sharp["skin"],
        lively=liveliness(scene),
        flicker=warping(scene),
        jaw=jaw_error(scene),
        light=float(np.abs(light[drawn]).mean()),
        light_worst=float(np.abs(light[drawn]).max()),
        failed=float((badness > 1)[drawn].mean()),
    )
    return metrics, badness


def share(true: Bools, of: Bools) -> float:
    """Share of the frames `of` in which something is true."""
    return float(true[of].mean()) if of.any() else np.nan


def skin_light(scene: Scene) -> F32:
    """Median difference of the skin's luma, result − target, (n,) levels; skin in both."""
    gap = luma(scene.result) - luma(scene.target)
    wanted, n = scene.plan.wanted, len(scene)
    own = face_regions(
        wanted.face.at(wanted.order[:n]), wanted.target.lips[:n], scene.scale, gap.shape[1:3]
    )
    where = scene.regions["skin"] & own["skin"]
    return np.array([np.median(g[w]) if w.any() else 0 for g, w in zip(gap, where, strict=True)])


def find_failures(scene: Scene, asked: F32, seen: F32, light: F32) -> F32:
    """How far each frame is from failing, (n,)."""
    drawn = scene.drawn
    jump = np.abs(np.diff(light, prepend=light[:1]))
    jump[1:][~(drawn[1:] & drawn[:-1])] = 0
    lost = ~np.isfinite(seen)
    gap = np.where(lost, 2.0, np.abs(seen - asked) / MAX_GAP)
    worst = np.maximum.reduce([np.abs(light) / MAX_LIGHT, jump / MAX_JUMP, gap])
    return np.asarray(np.where(drawn, worst, 0), np.float32)


def like_shapes(scene: Scene) -> tuple[U8, Regions]:
    """The person's own frames whose lips are nearest to those asked for, and their regions."""
    plan, n = scene.plan, len(scene)
    bank = plan.material.bank
    usable = np.flatnonzero(bank.quality > 0)
    wanted = plan.wanted.lips.points[:n]
    far = np.square(wanted[:, None] - bank.lips[usable][None]).sum((-1, -2))
    frames, face = bank.frames[usable[np.unique(far.argmin(1))]], plan.wanted.face
    to_frame = face.alignment.to_frame[frames]
    crops = read_crops(plan.scene.info, frames, to_frame, scene.scale)
    own = face.at(frames)
    return crops, face_regions(own, own.lips, scene.scale, crops.shape[1:3])


def compare_sharpness(scene: Scene, own: tuple[U8, Regions], region: str) -> float:
    """Band contrast of a region, result / own mouths of like shape."""
    crops, regions = own
    drawn = scene.drawn

    def contrast(frames: U8, where: Bools) -> float:
        scales = np.full(len(frames), scene.scale, np.float32)
        return band_contrast(frames, where, scales) if where.any() else np.nan

    theirs = contrast(crops, regions[region])
    return contrast(scene.result[drawn], scene.regions[region][drawn]) / max(theirs, 1e-6)


def liveliness(scene: Scene) -> float:
    """Energy of the second difference in time inside the lips' outline, result / target."""
    where = (scene.regions["inner"] | scene.regions["lips"])[1:-1]
    where &= (scene.drawn[2:] & scene.drawn[1:-1] & scene.drawn[:-2])[:, None, None]
    new, own = (
        float(acceleration(luma(crops))[where].mean()) for crops in (scene.result, scene.target)
    )
    return new / own


def warping(scene: Scene) -> float:
    """Warping error of all that is new, each video with its own flow, result / target."""
    whole = scene.regions["inner"] | scene.regions["lips"] | scene.regions["skin"]
    both = scene.drawn[1:] & scene.drawn[:-1]

    def error(frames: U8) -> float:
        errors = []
        for t, (there, agree) in enumerate(optical_flows(frames)):
            where = whole[t] & agree
            if both[t] and where.any():
                errors.append(warping_error(frames, t, there, where) / where.sum())
        return float(np.mean(errors))

    return error(scene.result) / error(scene.target)


def jaw_error(scene: Scene) -> float:
    """Median distance of the jaw line from the one asked for."""
    wanted, n = scene.plan.wanted, min(len(scene), len(scene.seen))
    jaw = wanted.target.jaw[:n]
    if wanted.jaw_offsets is not None:
        jaw = jaw + wanted.jaw_offsets[:n]
    off = np.linalg.norm(scene.seen.jaw[:n] - jaw, axis=-1) / wanted.target.scale[:n, None]
    usable = scene.drawn[:n] & scene.seen.found[:n]
    return float(np.median(off[usable])) if usable.any() else np.nan


def draw_sheet(scene: Scene, first: int) -> U8:
    """Consecutive frames from `first` on, six in a row, without the frame around the mouth."""
    tiles = []
    for crop in scene.result[first : first + SHEET_FRAMES]:
        left, top = int(0.33 * scene.scale), int(0.32 * scene.scale)
        part = crop[top : top + int(scene.scale), left : left + int(1.24 * scene.scale)]
        height = round(SHEET_ZOOM * part.shape[0] / part.shape[1])
        tiles.append(cv2.resize(part, (SHEET_ZOOM, height), interpolation=cv2.INTER_CUBIC))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 6)
    return np.concatenate([np.concatenate(tiles[k : k + 6], 1) for k in range(0, len(tiles), 6)])


def measure_case(target: Path, speech: Path, out: Path) -> tuple[str, DrivenMetrics] | None:
    """A row of the table; None: nothing could be rendered."""
    name = f"{target.stem}_{speech.stem}"
    try:
        plan = render(target, speech, out / f"{name}.mp4")
    except LipsyncError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None
    scene = Scene.of(plan, out / f"{name}.mp4")
    if not scene.drawn.any():
        print(f"{name}: no mouth was drawn", file=sys.stderr)
        return None
    metrics, badness = measure(scene)
    worst = int(badness.argmax())
    pair = np.concatenate([scene.target[worst], scene.result[worst]], axis=1)
    write_png(out / f"{name}_worst.png", pair)
    busy = np.convolve(np.abs(np.gradient(plan.wanted.lips.opening[: len(scene)])), np.ones(24))
    write_png(out / f"{name}.png", draw_sheet(scene, max(int(busy[23:].argmax()), 0)))
    row = f"| {target.stem} | {speech.stem} | {int(scene.drawn.sum())} | {cells(metrics)}"
    print(row, file=sys.stderr, flush=True)
    return row, metrics


def cells(m: DrivenMetrics) -> str:
    """Format as a Markdown row, in the order of HEAD."""
    return (
        f"{m.r_open:.2f} | {percent(m.shut)} | {percent(m.opened)} | {m.sharp_inner:.2f} "
        f"| {m.sharp_lips:.2f} | {m.sharp_skin:.2f} | {m.lively:.2f} | {m.flicker:.2f} "
        f"| {m.jaw:.4f} | {m.light:.1f} | {m.light_worst:.0f} | {m.failed:.1%} |"
    )


def percent(value: float) -> str:
    """A share; a dash where no frame asked for it."""
    return f"{value:.0%}" if np.isfinite(value) else "–"


def page(done: list[tuple[str, DrivenMetrics]], seconds: float) -> Iterator[str]:
    """The page, line by line."""
    yield "# Pictures on the street, driven by other speech\n"
    yield (
        f"Written by `python -m bench.pictures.driven` on {datetime.date.today()}, lipsync "
        f"{lipsync.__version__}; {platform.machine()}, {os.cpu_count()} cores, {seconds:.0f} s.\n"
    )
    yield DEFINITIONS + "\n"
    whole = sum(metrics.failed <= MAX_FAILED for _, metrics in done)
    yield f"Whole: {whole} of {len(done)} renders.\n"
    yield HEAD
    yield from (row for row, _ in done)
    mean = DrivenMetrics.mean([metrics for _, metrics in done])
    yield f"| **mean** | | | {cells(mean)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures.driven",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = REPO.parent / "shared" / "data"
    usual = [data / "speech" / name for name in ("jfk.flac", "mandarin.flac")]
    parser.add_argument("footage", type=Path, nargs="*", default=[data / "wild"])
    parser.add_argument("--speech", type=Path, nargs="+", default=usual)
    parser.add_argument("--out", type=Path, default=REPO / "runs" / "driven")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="renders at once")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    targets = expand_folders(options.footage)
    began = time.perf_counter()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        work = [
            pool.submit(measure_case, target, speech, options.out)
            for target in targets
            for speech in options.speech
        ]
        done = [row for one in work if (row := one.result()) is not None]
    if not done:
        raise SystemExit("none of these files could be rendered")
    text = "\n".join(page(done, time.perf_counter() - began)) + "\n"
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
