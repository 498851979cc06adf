"""What a decoder learns from: medians of mouths whose true picture is known.

Leave-one-out: a stretch of the footage is drawn from the bank without that stretch and what lies
just beside it, for the stretch's own lips. What comes out is what a render would have had to make
do with; beside it lies what was really seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from lipsync.face.similarity import apply, compose, scale_of
from lipsync.face.tracked_face import lips as lips_of
from lipsync.face.tracked_face import mouth_outlines, nose
from lipsync.mouth.decoder.crop import LEFT, MAPS, RIGHT, STRIDE, Canvas, described, numbers
from lipsync.mouth.texture.median import MedianTexture
from lipsync.mouth.texture.source import TextureOptions
from lipsync.types import F32, I64, U8, Alignment, FaceTrack, LipTrack, MouthBank, Progress

STRETCH_S, MARGIN_S = 3.0, 1.0  # what is drawn at once; what beside it lends nothing either
LEAST_SIZE = 32  # pixels across a canvas
LEAST_STRETCHES = 6  # short footage is cut finer
MASK_INSET, MASK_SOFT = 0.13, 0.04  # of what counts: about what a composite shows
REACH = 0.12  # of the canvas' width: how far a piece of border is felt inside
BORDER = (13, 140)  # of the mask, 0..255: where a composite matches colours


@dataclass(frozen=True, eq=False)
class Pairs:
    """n mouths as drawn and as they were, on a canvas of h × w; usually memory maps."""

    steady: U8  # (n, h, w, 3), the median
    detailed: U8  # (n, h, w, 3), with its finest detail
    true: U8  # (n, h, w, 3), in the colours of the median's border
    maps: U8  # (n, h, w, MAPS), the lips drawn
    mask: U8  # (n, h, w), what counts
    told: F32  # (n, c), `canvas.described`
    stretch: I64  # (n,)

    def __len__(self) -> int:
        return len(self.told)

    @staticmethod
    def load(folder: Path) -> Pairs:
        """What `write` left there."""
        pictures = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("steady", "detailed", "true", "maps", "mask")
        }
        with np.load(folder / "told.npz") as data:
            return Pairs(**pictures, told=data["told"], stretch=data["stretch"])


def canvas_for(bank: MouthBank, most: int) -> Canvas:
    """The canvas for the faces of a bank: as many pixels as they have, but at most `most` across.

    On a finer one than the footage is, noise and edges would not be what they are in a frame.
    """
    scales = [scale_of(to_crop) for to_crop in bank.to_crop[bank.quality > 0]]
    pixels = float(np.median(scales)) * (RIGHT - LEFT)
    return Canvas(int(np.clip(round(pixels / STRIDE) * STRIDE, LEAST_SIZE, most)))


def stretches(bank: MouthBank, fps: float, most: int) -> list[I64]:
    """Frames of the footage that are drawn together, by stretches of at most STRETCH_S.

    Args:
        most: frames in all; of more, stretches are left out evenly.
    """
    good = bank.quality > 0
    frames, shots = bank.frames[good], bank.shots[good]
    length = max(2, round(min(STRETCH_S * fps, len(frames) / LEAST_STRETCHES)))
    found = []
    for shot in np.unique(shots):
        own = frames[shots == shot]
        parts = max(1, round((own[-1] + 1 - own[0]) / length))
        edges = np.linspace(own[0], own[-1] + 1, parts + 1).round().astype(int)
        found += [own[(own >= a) & (own < b)] for a, b in pairwise(edges)]
    found = [part for part in found if len(part)]
    if len(frames) > most:
        keep = max(2, round(most / len(frames) * len(found)))
        found = [found[i] for i in np.linspace(0, len(found) - 1, keep).astype(int)]
    return found


def without(bank: MouthBank, frames: I64, margin: int) -> MouthBank:
    """The bank with no mouth from these frames or from within `margin` frames of them."""
    near = (bank.frames >= frames[0] - margin) & (bank.frames <= frames[-1] + margin)
    return replace(bank, quality=np.where(near, 0, bank.quality).astype(np.float32))


def write(
    folder: Path,
    bank: MouthBank,
    track: FaceTrack,
    alignment: Alignment,
    options: TextureOptions,
    canvas: Canvas,
    phones: int,
    most: int,
    progress: Progress | None = None,
) -> None:
    """Draw the pairs of a bank and of the footage it was collected from, for `Pairs.load`.

    Args:
        options: how medians are drawn.
        phones: numbers that tell what is heard; of a bank that knows no sound they are 0.
        most: pairs.
    """
    groups = stretches(bank, float(track.fps), most)
    n, h, w = sum(map(len, groups)), canvas.height, canvas.size
    shapes = {"steady": (h, w, 3), "detailed": (h, w, 3), "true": (h, w, 3)}
    shapes |= {"maps": (h, w, MAPS), "mask": (h, w)}  # type: ignore[dict-item]
    out = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, (n, *shape))
        for name, shape in shapes.items()
    }
    told = np.zeros((n, numbers(phones)), np.float32)
    stretch = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    artist = _Artist(bank, track, alignment, options, canvas, phones)
    row = 0
    for group in groups:
        for pair in artist.pairs(group):
            for name, picture in zip(out, pair[:-1], strict=True):
                out[name][row] = picture
            told[row] = pair[-1]
            row += 1
            if progress is not None:
                progress("pairs", row, n)
    for picture in out.values():
        picture.flush()
    np.savez(folder / "told.npz", told=told, stretch=stretch.astype(np.int64))


class _Artist:
    """Draws mouths of the footage from the rest of it."""

    def __init__(
        self,
        bank: MouthBank,
        track: FaceTrack,
        alignment: Alignment,
        options: TextureOptions,
        canvas: Canvas,
        phones: int,
    ) -> None:
        self.bank, self.track, self.alignment = bank, track, alignment
        self.options, self.canvas, self.phones = options, canvas, phones
        self.lips = lips_of(track, alignment)
        self.pose = nose(track, alignment)
        self.outlines = apply(alignment.to_canonical, mouth_outlines(track, MASK_INSET))
        self.margin = round(MARGIN_S * float(track.fps))
        self.row = {int(frame): row for row, frame in enumerate(bank.frames)}

    def pairs(self, frames: I64) -> Iterator[tuple[U8, U8, U8, U8, U8, F32]]:
        """For every frame of a stretch: steady, detailed, true, maps, mask, told."""
        wanted = set(frames.tolist())
        every = np.arange(frames[0], frames[-1] + 1)  # motion is seen in those between as well
        nearest = np.clip(np.searchsorted(self.bank.frames, every), 0, len(self.bank) - 1)
        said = None if self.bank.said is None else self.bank.said[nearest]
        lips = LipTrack(self.lips.points[every], self.lips.rate)
        one_run = np.zeros(len(every), np.int64)
        told = described(lips.points, self.pose[every], said, one_run, self.phones)
        source = MedianTexture(without(self.bank, frames, self.margin), self.options)
        made = source.drawn(lips, self.track, self.alignment, every, said)
        for i, drawn in enumerate(made):
            frame = int(every[i])
            if frame not in wanted:
                continue
            assert drawn is not None  # noqa: S101 — frames of a bank show a face
            to_patch = compose(drawn.patch.from_frame, self.alignment.to_frame[frame])
            row = self.row[frame]
            mask = self.canvas.inside(self.outlines[frame], MASK_SOFT)
            steady = self.canvas.seen(drawn.steady, to_patch)
            true = self.canvas.seen(self.bank.crops[row], self.bank.to_crop[row])
            yield (
                steady,
                self.canvas.seen(drawn.patch.rgb, to_patch),
                toned(true, steady, mask),
                self.canvas.lip_maps(self.lips.points[frame]),
                mask,
                told[i],
            )


def toned(true: U8, drawn: U8, mask: U8) -> U8:
    """A true picture (h, w, 3) moved to the drawn one's colours along the mask's border.

    A composite does the reverse: what differs along the border it takes off the mouth. Light, which
    changes from day to day, is nothing to learn. Inside, the difference is the border's, weighted
    by nearness: about what a membrane would be.
    """
    border = ((mask >= BORDER[0]) & (mask <= BORDER[1])).astype(np.float32)
    if not border.any():
        return true
    sigma = REACH * mask.shape[1]
    off = (drawn.astype(np.float32) - true) * border[..., None]
    weight = cv2.GaussianBlur(border, (0, 0), sigma)[..., None]
    field = cv2.GaussianBlur(off, (0, 0), sigma) / np.maximum(weight, 1e-6)
    return np.asarray(np.clip(np.rint(true + field), 0, 255), np.uint8)
