"""Training pairs of a mouth decoder: leave-one-out median textures and the true pictures.

A segment of the footage is drawn for its own lips from the bank without that segment and its
surroundings. The result is what a render would get from that bank; the true picture is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale, apply_affine, compose_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.decoder.crop import (
    LEFT,
    MAPS,
    RIGHT,
    STRIDE,
    Canvas,
    conditioning_size,
    describe_mouths,
)
from lipsync.mouth.texture.median import MedianTexture
from lipsync.mouth.texture.source import TextureOptions
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.disk_space import create_array
from lipsync.types import F32, I64, U8, FootageAppearance, LipTrack, MouthBank, Progress

SEGMENT_S, MARGIN_S = 3.0, 1.0  # length of a segment; surroundings excluded from its bank
MIN_SIZE = 32  # pixels across a canvas
MIN_SEGMENTS = 6  # short footage is split finer
MASK_INSET, MASK_SOFT = 0.13, 0.04  # of the loss mask: about what a composite shows
REACH = 0.12  # of the canvas' width: σ of the color match's falloff from the border
BORDER = (13, 140)  # mask values, 0..255, where a composite matches colors


@dataclass(frozen=True, eq=False)
class Pairs:
    """n drawn mouths and their true pictures on a canvas of h × w; usually memory maps.

    Field names are those of the files that `write_pairs` makes.
    """

    steady: U8  # (n, h, w, 3), the median
    detailed: U8  # (n, h, w, 3), the median with its finest detail
    true: U8  # (n, h, w, 3), color-matched to the median along the mask's border
    maps: U8  # (n, h, w, MAPS), masks of the lips
    mask: U8  # (n, h, w), weight in the loss, 0..255
    told: F32  # (n, c), conditioning vectors from `describe_mouths`
    stretch: I64  # (n,), number of the segment of the footage

    def __len__(self) -> int:
        return len(self.told)

    @staticmethod
    def load(folder: Path) -> Pairs:
        """Open the files that `write_pairs` made."""
        pictures = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r")
            for name in ("steady", "detailed", "true", "maps", "mask")
        }
        with np.load(folder / "told.npz") as data:
            return Pairs(**pictures, told=data["told"], stretch=data["stretch"])


def choose_canvas(bank: MouthBank, most: int) -> Canvas:
    """Choose a canvas of the resolution of a bank's faces, at most `most` pixels across.

    On a finer canvas than the footage, noise and edges would differ from those in a frame.
    """
    scales = [affine_scale(to_crop) for to_crop in bank.to_crop[bank.quality > 0]]
    pixels = float(np.median(scales)) * (RIGHT - LEFT)
    return Canvas(int(np.clip(round(pixels / STRIDE) * STRIDE, MIN_SIZE, most)))


def split_into_segments(bank: MouthBank, fps: float, most: int) -> list[I64]:
    """Split a bank's usable frames into segments of about SEGMENT_S; frames of each.

    Args:
        fps: of the footage.
        most: frames in all; of more, segments are left out evenly.
    """
    good = bank.quality > 0
    frames, shots = bank.frames[good], bank.shots[good]
    length = max(2, round(min(SEGMENT_S * fps, len(frames) / MIN_SEGMENTS)))
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


def exclude_frames(bank: MouthBank, frames: I64, margin: int) -> MouthBank:
    """The bank without mouths from a range of frames and from `margin` frames around it."""
    near = (bank.frames >= frames[0] - margin) & (bank.frames <= frames[-1] + margin)
    return replace(bank, quality=np.where(near, 0, bank.quality).astype(np.float32))


@dataclass(frozen=True, eq=False)
class PairSource:
    """The bank and footage that pairs are made from, and how."""

    bank: MouthBank
    appearance: FootageAppearance
    face: TrackedFace  # through all of the footage
    options: TextureOptions  # how medians are drawn
    canvas: Canvas
    phones: int  # size of the phone embedding; all 0 for a bank without sound


def write_pairs(
    folder: Path, source: PairSource, most: int, progress: Progress | None = None
) -> None:
    """Draw the pairs of a bank and its footage into files, for `Pairs.load`.

    Args:
        most: pairs, at most.
    """
    segments = split_into_segments(source.bank, float(source.face.fps), most)
    n, h, w = sum(map(len, segments)), source.canvas.height, source.canvas.size
    shapes = {"steady": (h, w, 3), "detailed": (h, w, 3), "true": (h, w, 3)}
    shapes |= {"maps": (h, w, MAPS), "mask": (h, w)}  # type: ignore[dict-item]
    out = {
        name: create_array(folder / f"{name}.npy", (n, *shape)) for name, shape in shapes.items()
    }
    conditions = np.zeros((n, conditioning_size(source.phones)), np.float32)
    stretch = np.repeat(np.arange(len(segments)), [len(frames) for frames in segments])
    renderer = _PairRenderer(source)
    row = 0
    for frames in segments:
        for pair in renderer.render(frames):
            for name, picture in zip(out, pair[:-1], strict=True):
                out[name][row] = picture
            conditions[row] = pair[-1]
            row += 1
            if progress is not None:
                progress("pairs", row, n)
    for picture in out.values():
        picture.flush()
    np.savez(folder / "told.npz", told=conditions, stretch=stretch.astype(np.int64))


class _PairRenderer:
    """Draws each mouth of the footage from the rest of the footage."""

    def __init__(self, source: PairSource) -> None:
        self.source = source
        face = source.face
        self.outlines = apply_affine(face.alignment.to_canonical, face.outlines(MASK_INSET))
        self.margin = round(MARGIN_S * float(face.fps))
        self.row = {int(frame): row for row, frame in enumerate(source.bank.frames)}

    def render(self, frames: I64) -> Iterator[tuple[U8, U8, U8, U8, U8, F32]]:
        """For every frame of a segment: steady, detailed, true, maps, mask, conditioning."""
        bank, face, canvas = self.source.bank, self.source.face, self.source.canvas
        chosen = set(frames.tolist())
        every = np.arange(frames[0], frames[-1] + 1)  # motion needs the frames between as well
        nearest = np.clip(np.searchsorted(bank.frames, every), 0, len(bank) - 1)
        wanted = WantedMouths(
            lips=LipTrack(face.lips.points[every], face.fps),
            face=face,
            order=every,
            phones=None if bank.phones is None else bank.phones[nearest],
            skin_color=self.source.appearance.skin_color[every],
        )
        one_run = np.zeros(len(every), np.int64)
        lips, pose = wanted.lips.points, face.nose[every]
        conditions = describe_mouths(wanted.lips, pose, wanted.phones, one_run, self.source.phones)
        median = MedianTexture(exclude_frames(bank, frames, self.margin), self.source.options)
        for i, drawn in enumerate(median.draw(wanted)):
            frame = int(every[i])
            if frame not in chosen:
                continue
            assert drawn is not None  # noqa: S101 — frames of a bank show a face
            to_patch = compose_affine(drawn.patch.from_frame, face.alignment.to_frame[frame])
            row = self.row[frame]
            mask = canvas.draw_mask(self.outlines[frame], MASK_SOFT)
            steady = canvas.crop(drawn.steady, to_patch)
            true = canvas.crop(bank.crops[row], bank.to_crop[row])
            yield (
                steady,
                canvas.crop(drawn.patch.rgb, to_patch),
                match_border_color(true, steady, mask),
                canvas.draw_lip_maps(lips[i]),
                mask,
                conditions[i],
            )


def match_border_color(true: U8, drawn: U8, mask: U8) -> U8:
    """Match a true picture (h, w, 3) to the drawn one's color along the mask's border.

    A composite does the reverse: it subtracts the difference along the border from the mouth, so
    that lighting, which varies between recordings, must not be learned. Inside, the correction is
    the border's difference weighted by distance, approximately a membrane.
    """
    border = ((mask >= BORDER[0]) & (mask <= BORDER[1])).astype(np.float32)
    if not border.any():
        return true
    sigma = REACH * mask.shape[1]
    difference = (drawn.astype(np.float32) - true) * border[..., None]
    weight = cv2.GaussianBlur(border, (0, 0), sigma)[..., None]
    field = cv2.GaussianBlur(difference, (0, 0), sigma) / np.maximum(weight, 1e-6)
    return np.asarray(np.clip(np.rint(true + field), 0, 255), np.uint8)
