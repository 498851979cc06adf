"""Edits of the face in a piece, which a detector should find or which a careless program leaves.

Every edit takes the piece and gives its frames; those without a face stay as they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from lipsync.errors import MediaError
from lipsync.types import U8, Bools
from training.inspection.edit_target import EditTarget, Region
from training.inspection.hand_places import find_hands
from training.inspection.real_clips import write_recompressed

# Softness of borders, outer-eye distances: that of a render's mask, and one that nobody sees.
FEATHER, SOFT_FEATHER = 0.05, 0.15
BLUR_REACH = 3.0  # σ around a region that a blur needs
JITTER_PX = (1.0, 1.5)  # length of a frame's shift
DROP = 0.05  # outer-eye distances that the second jaw line lies below the first
# The band along the jaw line, as shares of the way to the mouth: outwards, inwards.
BAND = (-0.15, 0.4)
HAND_SHARE, HAND_SOFT = 0.6, 0.05  # of the wrong picture; its border, outer-eye distances
LEAST_HANDS = 5  # frames that show a hand
# Red, green and blue of one level of Cb and of Cr (BT.601).
CHROMA = {"cb": (0.0, -0.344, 1.772), "cr": (1.402, -0.714, 0.0)}


def unchanged(target: EditTarget) -> Iterator[U8]:
    """No edit: the piece encoded as edits are."""
    return target.frames()


def frozen(target: EditTarget) -> Iterator[U8]:
    """Mouth and chin of one frame over those of all others: the one of median opening."""
    opening = np.where(target.face.found, target.face.lips.opening, np.nan)
    k = int(np.nanargmin(np.abs(opening - np.nanmedian(opening))))
    still = next(iter(target.frames(k, k + 1)))

    def change(i: int, frame: U8) -> U8:
        region = target.mouth_region(i, FEATHER)
        return region.paste(frame, region.warp(still, target.between(i, k)))

    return _each(target, change)


def blurred(target: EditTarget, sigma: float) -> Iterator[U8]:
    """Mouth and chin blurred; `sigma`: outer-eye distances."""

    def change(i: int, frame: U8) -> U8:
        pixels = sigma * float(target.face.alignment.scale[i])
        region = target.mouth_region(i, FEATHER)
        width, height = region.size
        reach = round(BLUR_REACH * pixels)
        # Blurred with its surroundings, so that the box's edges do not show.
        x, y = max(0, region.x - reach), max(0, region.y - reach)
        around = frame[y : region.y + height + reach, x : region.x + width + reach]
        soft = cv2.GaussianBlur(around, (0, 0), pixels)
        inside = soft[region.y - y :, region.x - x :][:height, :width]
        return region.paste(frame, np.asarray(inside))

    return _each(target, change)


def reencoded(target: EditTarget, crf: int) -> Iterator[U8]:
    """Mouth and chin from a copy that is compressed more."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"copy{target.path.suffix.replace('.mpg', '.mp4')}"
        write_recompressed(target.path, copy, crf)
        other = EditTarget(copy)
        if other.info.frame_count != target.info.frame_count:
            raise MediaError(f"{target.path}: its copy has another number of frames")
        copied = iter(other.frames())

        def change(i: int, frame: U8, coarse: U8) -> U8:
            region = target.mouth_region(i, FEATHER)
            return region.paste(frame, region.cut(coarse))

        for i, (frame, coarse) in enumerate(zip(target.frames(), copied, strict=True)):
            yield change(i, frame, coarse) if target.face.found[i] else frame


def tinted(target: EditTarget, plane: str, levels: float) -> Iterator[U8]:
    """The face with more of one chroma, `plane`: cb or cr."""
    shift = levels * np.array(CHROMA[plane], np.float32)

    def change(i: int, frame: U8) -> U8:
        region = target.face_region(i, SOFT_FEATHER)
        return region.paste(frame, region.cut(frame).astype(np.float32) + shift)

    return _each(target, change)


def jittered(target: EditTarget, seed: int) -> Iterator[U8]:
    """The face of every frame moved a little, anywhere."""
    drawing = np.random.default_rng(seed)

    def change(i: int, frame: U8) -> U8:
        angle, length = drawing.uniform(0, 2 * np.pi), drawing.uniform(*JITTER_PX)
        step = [length * np.cos(angle), length * np.sin(angle)]
        matrix = np.concatenate([np.eye(2), np.array(step)[:, None]], 1).astype(np.float32)
        region = target.face_region(i, FEATHER)
        return region.paste(frame, region.warp(frame, matrix))

    return _each(target, change)


def doubled_chin(target: EditTarget) -> Iterator[U8]:
    """Along the jaw line the face half over itself, a little lower."""
    outer, inner = (target.face.outlines(inset) for inset in BAND)

    def change(i: int, frame: U8) -> U8:
        to_frame = target.face.alignment.to_frame[i]
        soft = FEATHER * float(target.face.alignment.scale[i])
        region = Region.of(outer[i], target.info, soft)
        mouth = Region.of(inner[i], target.info, soft)
        hole = np.zeros_like(region.mask)
        (width, height), x, y = mouth.size, mouth.x - region.x, mouth.y - region.y
        hole[y : y + height, x : x + width] = mouth.mask
        down = DROP * to_frame[:, :2] @ np.array([0, 1], np.float32)
        matrix = np.concatenate([np.eye(2), down[:, None]], 1).astype(np.float32)
        return region.scaled(0.5 * (1 - hole)).paste(frame, region.warp(frame, matrix))

    return _each(target, change)


def flickering_hand(target: EditTarget) -> Iterator[U8]:
    """Every second frame shows, half through a hand before or near the face, what lies behind.

    That is taken from the nearest frame without a hand; where there is none, the hand is blurred.

    Raises:
        MediaError: hardly a frame shows a hand there.
    """
    hands = find_hands(target)
    if len(hands) < LEAST_HANDS:
        raise MediaError(f"{target.path}: {len(hands)} frames show a hand near the face")
    free = target.face.found & ~np.isin(np.arange(len(target.face)), list(hands))
    bare = _spread(target, free)

    def change(i: int, frame: U8) -> U8:
        if i not in hands or i % 2:
            return frame
        soft = HAND_SOFT * float(target.face.alignment.scale[i])
        for hand in hands[i]:
            region = Region.of(hand, target.info, soft)
            if bare:
                k = min(bare, key=lambda other: abs(other - i))
                wrong = region.warp(bare[k], target.between(i, k))
            else:
                wrong = np.asarray(cv2.GaussianBlur(region.cut(frame), (0, 0), 3 * soft))
            frame = region.scaled(HAND_SHARE).paste(frame, wrong)
        return frame

    return _each(target, change)


def _each(target: EditTarget, change: Callable[[int, U8], U8]) -> Iterator[U8]:
    """Frames, those with a face changed."""
    found = target.face.found
    for i, frame in enumerate(target.frames()):
        yield change(i, frame) if found[i] else frame


def _spread(target: EditTarget, free: Bools, count: int = 8) -> dict[int, U8]:
    """Some frames of those marked, spread evenly, by number."""
    marked = np.flatnonzero(free)
    if not len(marked):
        return {}
    some = marked[np.unique(np.linspace(0, len(marked) - 1, count).round().astype(int))]
    return {int(i): next(iter(target.frames(int(i), int(i) + 1))) for i in some}
