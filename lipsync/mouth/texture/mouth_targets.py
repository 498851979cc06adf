"""What is drawn: one wanted mouth per frame, in runs and blocks of frames, and the box it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lipsync.face.similarity import apply_affine
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.types import F32, I64, Bools

BLOCK = 500  # frames for which candidates are selected at once


@dataclass(frozen=True, eq=False)
class MouthTarget:
    """One wanted mouth in one frame."""

    control: F32  # (k, 2), control points of the warp, canonical
    lips: F32  # (18, 2), pixels
    outline: F32  # (o, 2) of mouth and chin, pixels
    to_canonical: F32  # (2, 3)
    skin_color: F32 | None  # (3,), of the frame, levels; None: unknown


def target_reader(wanted: WantedMouths) -> Callable[[int], MouthTarget]:
    """A function from the index of an output frame to its wanted mouth."""
    target, offsets = wanted.target, wanted.jaw_offsets
    outlines = target.outlines()

    def target_of(i: int) -> MouthTarget:
        surround, outline = target.surround[i], outlines[i]
        if offsets is not None:
            surround, outline = surround.copy(), outline.copy()
            surround[: offsets.shape[1]] += offsets[i]
            outline[: offsets.shape[1]] += offsets[i]
        lips, inverse = wanted.lips.points[i], target.to_canonical[i]
        return MouthTarget(
            control=np.concatenate([lips, apply_affine(inverse, surround)]),
            lips=apply_affine(target.to_frame[i], lips),
            outline=outline,
            to_canonical=inverse,
            skin_color=None if wanted.skin_color is None else wanted.skin_color[i],
        )

    return target_of


def number_runs(shown: Bools, shots: I64) -> I64:
    """Number the runs of consecutive frames of one shot that are all shown or all not, (n,)."""
    starts = (np.diff(shown) != 0) | (np.diff(shots) != 0)
    return np.concatenate([[0], np.cumsum(starts)]).astype(np.int64)


def split_into_blocks(runs: I64) -> Iterator[I64]:
    """The frames of each run, at most BLOCK at a time."""
    for run in np.split(np.arange(len(runs)), np.flatnonzero(np.diff(runs)) + 1):
        for first in range(0, len(run), BLOCK):
            yield run[first : first + BLOCK]


def bounding_box(outline: F32, multiple: int = 1) -> tuple[F32, int, int]:
    """Bound points (k, 2) by a box of whole pixels: corner (2,), width, height.

    Args:
        multiple: width and height are multiples of it.
    """
    low, high = np.floor(outline.min(0)) - 1, np.ceil(outline.max(0)) + 1
    width, height = -(-((high - low).astype(int) + 1) // multiple) * multiple
    return low.astype(np.float32), int(width), int(height)
