"""Pictures: how near is a new mouth to the one that was really there?

    python bench/reconstruct.py [--shared ../shared] [--clips 5]

The target is a clip whose true frames are known; the bank holds only the person's OTHER clips; the
wanted lips are the clip's own. What comes out is compared with the clip, pixel by pixel, before
encoding. Writes docs/benchmarks/reconstruction.md and contact sheets under runs/.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from picture_figures import PictureFigures, measure

import lipsync
from lipsync import geometry, landmarks, media, mouth_bank
from lipsync.cache import Cache
from lipsync.composite import CompositeOptions, composite, soft_mask
from lipsync.digest import sha256
from lipsync.sheet import SheetCollector
from lipsync.texture import TextureOptions, open_texture
from lipsync.types import U8, Alignment, FaceTrack, LipTrack, MouthBank

REPO = Path(__file__).resolve().parents[1]
CLIP = 75  # frames: the targets are joined from takes of 3 s
TARGETS = ("grid_s1_120s.mp4", "grid_s4_60s.mp4")


def median(n: int, *, warp: bool, detail: float = 0.0) -> TextureOptions:
    return TextureOptions(candidates=n, warp=warp, detail=detail)


ROWS: tuple[tuple[str, TextureOptions | None], ...] = (
    ("another clip's mouth", None),
    ("nearest frame, unwarped", median(1, warp=False)),
    ("plain median, n = 10", median(10, warp=False)),
    ("plain median, n = 30", median(30, warp=False)),
    ("plain median, n = 100", median(100, warp=False)),
    ("warped median, n = 10", median(10, warp=True)),
    ("warped median, n = 30", median(30, warp=True)),
    ("warped median, n = 100", median(100, warp=True)),
    ("**warped median, n = 30, with detail** (default)", TextureOptions()),
)


@dataclass(frozen=True, eq=False)
class Person:
    """A target of joined clips, tracked, with its bank."""

    name: str
    info: object
    track: FaceTrack
    alignment: Alignment
    lips: LipTrack
    bank: MouthBank

    @staticmethod
    def load(path: Path, cache: Cache) -> Person:
        info = media.probe(path)
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
        alignment = geometry.align(track)
        bank = mouth_bank.build(
            media.read_frames(info),
            track,
            alignment,
            mouth_bank.BankOptions(),
            cache,
            sha256(path),
        )
        return Person(path.stem, info, track, alignment, geometry.lips(track, alignment), bank)

    def without(self, first: int) -> MouthBank:
        """The bank without the clip that begins at frame `first`."""
        own = (self.bank.frames >= first) & (self.bank.frames < first + CLIP)
        return replace(self.bank, quality=np.where(own, 0, self.bank.quality).astype(np.float32))


def regions(person: Person, order: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    outlines = geometry.mouth_outlines(person.track, CompositeOptions().mask_inset)
    scale = CompositeOptions().mask_feather * person.alignment.scale
    return np.stack([soft_mask(outlines[i], float(scale[i]), shape) > 0.5 for i in order])


def remade(person: Person, first: int, frames: list[U8], options: TextureOptions) -> U8:
    """The clip with a new mouth, from its own lips and other clips' pixels."""
    order = np.arange(first, first + CLIP)
    source = open_texture(person.without(first), options)
    wanted = LipTrack(person.lips.points[order], person.lips.rate)
    patches = source.patches(wanted, person.track, person.alignment, order)
    done = composite(frames, patches, person.track, person.alignment, order, CompositeOptions())
    return np.stack([picture.frame for picture in done])


def lip_distance(person: Person, order: np.ndarray, frames: U8) -> tuple[float, float]:
    """Mean distance of the lips seen in `frames` to the true ones, and r_open."""
    found = landmarks.track(frames, person.track.fps, landmarks.LandmarkOptions())
    seen = geometry.lips(found, Alignment(person.alignment.to_frame[order]))
    true = LipTrack(person.lips.points[order], seen.rate)
    distance = np.linalg.norm(seen.points - true.points, axis=-1)
    r = np.corrcoef(seen.opening, true.opening)[0, 1]
    return float(np.nanmean(distance)), float(r)


def floor(person: Person, first: int, frames: list[U8]) -> U8:
    """Another clip's mouth, aligned and blended in: no regard to what is said."""
    order = np.arange(first, first + CLIP)
    other = (order + CLIP) % len(person.track)
    wanted = LipTrack(person.lips.points[other], person.lips.rate)
    source = open_texture(person.bank, median(1, warp=False))
    patches = source.patches(wanted, person.track, person.alignment, order)
    done = composite(frames, patches, person.track, person.alignment, order, CompositeOptions())
    return np.stack([picture.frame for picture in done])


def evaluate(person: Person, clips: int, sheets: Path) -> list[str]:
    """The table's lines for one person."""
    count = len(person.track) // CLIP
    firsts = [CLIP * int(k) for k in np.linspace(0, count - 2, clips).round()]
    gathered: dict[str, list[tuple[PictureFigures, float, float]]] = {}
    share = []
    for first in firsts:
        order = np.arange(first, first + CLIP)
        frames = list(media.read_frames(person.info, first, first + CLIP))
        original = np.stack(frames)
        region = regions(person, order, original.shape[1:3])
        share.append(region.mean())
        made: list[tuple[str, Callable[[], U8]]] = [
            ("the original, JPEG quality 90", lambda o=original: through_jpeg(o))
        ]
        for name, options in ROWS:
            if options is None:
                made.append((name, lambda f=first, s=frames: floor(person, f, s)))
            else:
                made.append((name, lambda f=first, s=frames, t=options: remade(person, f, s, t)))
        for name, make in made:
            result = make()
            figures = measure(original, result, region)
            gathered.setdefault(name, []).append((figures, *lip_distance(person, order, result)))
            if name.startswith("**"):
                sheet(person, order, original, result, sheets / f"{person.name}_{first}.png")
    lines = []
    for name, rows in gathered.items():
        mean = PictureFigures.mean([row[0] for row in rows])
        lines.append(
            f"| {name} | {mean.psnr:.1f} | {mean.ssim:.3f} | {mean.sharpness:.2f} "
            f"| {mean.flicker:.2f} | {mean.border:.2f} | {mean.border_95:.2f} "
            f"| {np.mean([row[1] for row in rows]):.4f} | {np.mean([row[2] for row in rows]):.3f} |"
        )
        print(person.name, lines[-1], flush=True)
    lines.append("")
    lines.append(f"The measured region is {100 * np.mean(share):.1f} % of the frame.")
    return lines


def through_jpeg(frames: U8) -> U8:
    out = []
    for frame in frames:
        _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        out.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    return np.stack(out)


def sheet(person: Person, order: np.ndarray, original: U8, result: U8, path: Path) -> None:
    wanted = range(30, 42)
    collector = SheetCollector(wanted, person.track.fps)
    for i in wanted:
        collector.add(i, original[i], result[i], person.alignment.to_frame[order[i]])
    collector.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--clips", type=int, default=5)
    parser.add_argument("--sheets", type=Path, default=REPO / "runs" / "reconstruction")
    options = parser.parse_args()
    options.sheets.mkdir(parents=True, exist_ok=True)
    text = (
        "# Reconstruction with an unseen mouth\n\n"
        "Written by `python bench/reconstruct.py`: true lips as input, the bank without the clip, "
        f"{options.clips} clips of 3 s per person, compared before encoding. PSNR and SSIM in the "
        "region; sharpness and flicker as a ratio to the original (1 is right); border: ΔE2000 "
        "across the mask's border; lips: mean distance of the lips detected again, in outer-eye "
        "distances.\n\n"
        f"{datetime.date.today()}, {platform.machine()}, lipsync {lipsync.__version__}.\n"
    )
    with Cache(Cache.default_root()) as cache:
        for target in TARGETS:
            person = Person.load(options.shared / "data" / "targets" / target, cache)
            text += (
                f"\n## {person.name}\n\n"
                "| row | PSNR | SSIM | sharpness | flicker | border | border 95 % | lips | r_open |"
                "\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            )
            text += "\n".join(evaluate(person, options.clips, options.sheets)) + "\n"
    (REPO / "docs" / "benchmarks" / "reconstruction.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
