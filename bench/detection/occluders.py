"""Things before the face: are they found and kept, and is nothing else? Writes
docs/benchmarks/occluders.md.

    python -m bench.detection.occluders [--shared ../shared]

Found: frames of every clip with a mask, and those whose lips it comes near, which keep their own
mouth. Kept: the clip with a hand before the face and the captions, rendered with other speech; of
the pixels under a full mask, those that differ from the target's, beside what the encoder alone
changes.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

import lipsync
from bench.pictures.reconstruction import encode_again
from bench.pictures.street import StreetClip
from lipsync import media
from lipsync.media.png import write_png
from lipsync.mouth.occlusion.mask_space import draw_in_frame
from lipsync.options import RenderOptions
from lipsync.runtime.cache import Cache
from lipsync.types import U8

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "benchmarks" / "occluders.md"
# What is before the face in the clips where something is.
THINGS = {"hand_over_face": "a hand", "captions_chin": "captions", "mask": "a face mask"}
RENDERED = (
    ("wild/hand_over_face.mp4", "speech/jfk.flac"),
    ("cases/captions_chin.mp4", "cases/a3.wav"),
)
DIFFERENT = 20.0  # levels, the largest of three channels
EVERY = 3  # frames that are compared
FULL = 0.99  # of a mask


def count_masks(path: Path, sheets: Path) -> str:
    """A row of the first table; the clip's masks go to a picture."""
    with Cache(Cache.default_root()) as cache:
        clip = StreetClip.load(path, cache)
    found = clip.appearance.occluders
    if found is None:
        raise ValueError(f"{path}: the bank knows no occluders")
    masked = found.rows >= 0
    some = np.flatnonzero(masked)[:: max(1, int(masked.sum()) // 12)][:12]
    if len(some):
        write_png(sheets / f"{path.stem}.png", _draw_masks(clip, some.tolist()))
    thing = THINGS.get(path.stem, "–")
    return (
        f"| {path.stem} | {thing} | {int(clip.face.found.sum())} | {int(masked.sum())} "
        f"| {int(found.near_lips.sum())} |"
    )


def _draw_masks(clip: StreetClip, some: list[int]) -> U8:
    """Frames in which masks are red, side by side."""
    tiles, found = [], clip.appearance.occluders
    for i in some:
        frame = next(iter(media.read_frames(clip.info, i, i + 1)))
        mask = None if found is None else found.mask(i)
        if mask is not None:
            box = (0, 0, frame.shape[1], frame.shape[0])
            alpha = 0.5 * draw_in_frame(mask, clip.face.alignment.to_frame[i], box)[..., None]
            frame = (frame * (1 - alpha) + alpha * np.array([255, 0, 0])).astype(np.uint8)
        width = 320
        tiles.append(cv2.resize(frame, (width, width * frame.shape[0] // frame.shape[1])))
    blank = [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
    tiles += blank
    rows = [np.concatenate(tiles[k : k + 4], axis=1) for k in range(0, len(tiles), 4)]
    return np.concatenate(rows)


def measure_kept(target: Path, speech: Path) -> str:
    """A row of the second table."""
    with Cache(Cache.default_root()) as cache:
        clip = StreetClip.load(target, cache)
    found = clip.appearance.occluders
    with tempfile.TemporaryDirectory() as folder:
        options = RenderOptions.of(timing="cut", adapt="never")
        done = lipsync.render(speech, target, Path(folder) / "out.mp4", options=options)
        result = media.read_frames(media.probe(done.output))
        pixels = changed = by_encoder = 0
        batch: list[tuple[int, U8, U8]] = []
        for i, (own, new) in enumerate(zip(media.read_frames(clip.info), result, strict=False)):
            if i % EVERY == 0 and found is not None and found.mask(i) is not None:
                batch.append((i, own, new))
        encoded = encode_again(np.stack([own for _, own, _ in batch]), clip.info)
        for (i, own, new), plain in zip(batch, encoded, strict=True):
            mask = found.mask(i) if found is not None else None
            if mask is None:
                continue
            box = (0, 0, own.shape[1], own.shape[0])
            where = draw_in_frame(mask, clip.face.alignment.to_frame[i], box) >= FULL
            pixels += int(where.sum())
            changed, by_encoder = (
                total + int((np.abs(one.astype(int) - own).max(-1)[where] > DIFFERENT).sum())
                for total, one in ((changed, new), (by_encoder, plain))
            )
    return (
        f"| {target.stem} + {speech.stem} | {done.frames} | {done.frames_covered} | {pixels} "
        f"| {changed} | {by_encoder} | {1 - changed / max(pixels, 1):.2%} |"
    )


def page(data: Path, sheets: Path, jobs: int) -> Iterator[str]:
    """The page, line by line."""
    yield "# Things before the face\n"
    yield (
        f"Written by `python -m bench.detection.occluders` on {datetime.date.today()}, lipsync "
        f"{lipsync.__version__}; {platform.machine()}, {os.cpu_count()} cores.\n"
    )
    yield "## Found\n"
    yield (
        "Frames with a face, those of them with a mask, and those in which it comes so near to the "
        "lips that the target keeps its own mouth. Where nothing is before the face, a mask is "
        "false.\n"
    )
    yield "| clip | before the face | frames | masked | near the lips |\n" + "|" + " --- |" * 5
    clips = [
        *sorted((data / "wild").iterdir()),
        *sorted((data / "targets").iterdir()),
        *(data / "cases" / f"{name}.mp4" for name in ("captions_chin", "mask", "vs")),
    ]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        rows = [pool.submit(count_masks, path, sheets) for path in clips]
        kept = [pool.submit(measure_kept, data / a, data / b) for a, b in RENDERED]
        yield from (row.result() for row in rows)
        yield "\n## Kept\n"
        yield (
            f"Pixels under a full mask in every {EVERY}rd frame, and those of them that differ by "
            f"more than {DIFFERENT:g} levels from the target's, after the encoder.\n"
        )
        yield (
            "| render | frames | own mouth kept | pixels | changed | by the encoder | kept |\n"
            + "|"
            + " --- |" * 7
        )
        yield from (row.result() for row in kept)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.detection.occluders",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--out", type=Path, default=REPO / "runs" / "occluders")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="clips at once")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    text = "\n".join(page(options.shared / "data", options.out, options.jobs)) + "\n"
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
