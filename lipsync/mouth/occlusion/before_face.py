"""What lies before the lower face in every frame of the footage: hands, and things of other looks.

`FaceWatch` looks at every frame in the bank's one pass over the footage; `occluders` then tells
what was before the face.

Symbols: f frames, m bank entries, k control points of a warp.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lipsync.face.similarity import apply_affine
from lipsync.face.thin_plate import SMOOTHING, ThinPlate
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.occlusion.hand_masks import HandSearch
from lipsync.mouth.occlusion.looks import COARSE, LookReader, Looks
from lipsync.mouth.occlusion.mask_space import CELLS, SIZE, fill, grow
from lipsync.mouth.occlusion.odd_looks import LIPS_MARGIN, find_odd_looks
from lipsync.mouth.shape_free import VALID_CELLS, Cells, mean_shape
from lipsync.types import F32, I64, N_LIPS, U8, Bools, Occluders

OUTLINE_INSET = 0.13  # of the face's outline that a hand must reach into: that of the new mouth
GROW = 0.05  # outer-eye distances by which masks are larger than what they cover: edges stay whole
CLOSE = 0.06  # outer-eye distances: narrower gaps, as between letters, are covered as well
SOFT_CELLS = 1.0  # σ of a mask's border
# What comes this near to the lips, outer-eye distances, leaves the mouth under it unknown; so many
# cells of it count.
LIPS_NEAR, LEAST_CELLS = 0.04, 6
# Looks tell nothing on the lips: there a thing is known by how much it covers of a ring around
# them, so many outer-eye distances away.
RING, RING_SHARE = (LIPS_MARGIN, LIPS_MARGIN + 0.05), 0.2
NOTHING, EVERYTHING = np.zeros((SIZE, SIZE), np.uint8), np.ones((SIZE, SIZE), np.uint8)


class FaceWatch:
    """Watches the frames of some footage for things before a face. Use with `with`."""

    def __init__(self, face: TrackedFace, control: F32, shape: F32, folder: Path) -> None:
        """Prepare for the frames that `face` was tracked in.

        Args:
            folder: for files that vanish with the watch.
            control: (f, k, 2), lips, jaw line and anchors, pixels.
            shape: (k, 2), their mean shape, canonical.
        """
        self._face, self._control, self._shape = face, control, shape
        self._looks = Looks.unseen(len(face), folder)
        self._reader = LookReader(shape)
        rate = float(np.median(face.track.rates))
        self._hands = HandSearch(face.alignment.to_frame, rate)

    def see(self, i: int, frame: U8) -> None:
        """Look at a frame (h, w, 3) that shows the face; in order."""
        looks = self._looks
        self._reader.read(frame, self._control[i], looks.luma[i], looks.chroma[i])
        self._hands.see(i, frame)

    def occluders(self) -> Occluders:
        """What was before the face."""
        face = self._face
        to_canonical = face.alignment.to_canonical
        outlines = apply_affine(to_canonical, face.outlines(OUTLINE_INSET))
        masks = self._hands.masks(outlines, face.found)
        jaw = len(face.scheme.jaw)
        odd, hidden = find_odd_looks(self._looks, self._shape, N_LIPS, jaw)
        for i, mask in odd.items():
            control = apply_affine(to_canonical[i], self._control[i])
            masks[i] = masks.get(i, NOTHING) | _unwarp(mask, control, self._shape)
        masks.update(dict.fromkeys(np.flatnonzero(hidden).tolist(), EVERYTHING))
        return _settle(masks, face, hidden)

    def __enter__(self) -> FaceWatch:
        return self

    def __exit__(self, *exc: object) -> None:
        self._hands.__exit__(None, None, None)


def _unwarp(mask: U8, control: F32, shape: F32) -> U8:
    """Warp a mask from the mean shape (k, 2) to a frame's control points (k, 2), canonical."""
    plate = ThinPlate(control, COARSE.centers(), SMOOTHING)
    return _sample(mask, plate.map_to(shape))


def _sample(mask: U8, at: F32) -> U8:
    """Sample a mask at canonical points (COARSE², 2) of a coarse grid over the region."""
    coarse = CELLS.to_cells(at).reshape(COARSE.across, COARSE.across, 2).astype(np.float32)
    coords = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.remap(mask, coords, None, cv2.INTER_NEAREST))


def _settle(things: dict[int, U8], face: TrackedFace, hidden: Bools) -> Occluders:
    """Masks of things (SIZE, SIZE), 0 or 1, made whole: grown, closed, spread in time."""
    near, whole = np.zeros(len(face), bool), {}
    for i, thing in things.items():
        lips = cv2.convexHull(face.lips.points[i])[:, 0]
        near[i] = _is_near(thing, fill(lips))
        closed = grow(thing, CLOSE + GROW)
        whole[i] = 1 - grow(np.asarray(1 - closed, np.uint8), CLOSE)
    steady: list[U8] = []
    rows = np.full(len(face), -1, np.int64)
    for first, end in face.track.shots():
        for i in range(first, end):
            # Spread over three frames, then averaged over three.
            reach = [whole.get(min(max(j, first), end - 1)) for j in range(i - 2, i + 3)]
            if any(mask is not None for mask in reach):
                rows[i] = len(steady)
                steady.append(_soften([NOTHING if mask is None else mask for mask in reach]))
    masks = np.stack(steady) if steady else NOTHING[None][:0]
    return Occluders(rows, masks, near | hidden)


def _is_near(thing: U8, lips: U8) -> bool:
    """Whether a thing leaves the mouth under it unknown: masks (SIZE, SIZE), 0 or 1."""
    ring = grow(lips, RING[1]) - grow(lips, RING[0])
    touches = (thing & grow(lips, LIPS_NEAR)).sum() >= LEAST_CELLS
    return bool(touches or (thing & ring).sum() >= RING_SHARE * ring.sum())


def _soften(around: list[U8]) -> U8:
    """A mask 0 … 255 from those of five frames, 0 or 1: mean of three, each the union of three."""
    spread = [np.maximum.reduce(around[k : k + 3]) for k in range(3)]
    mean = np.mean(spread, axis=0, dtype=np.float32)
    return np.asarray(np.round(255 * cv2.GaussianBlur(mean, (0, 0), SOFT_CELLS)), np.uint8)


def find_valid(occluders: Occluders, frames: I64, control: F32, to_crop: F32) -> Bools | None:
    """Which cells of the bank's shape-free pictures show the person, (m, s, s); None: all.

    Args:
        frames: (m,), of the entries.
        control: (m, k, 2), pixels of the crops; to_crop: (m, 2, 3).
    """
    cells = Cells(VALID_CELLS)
    covered = np.flatnonzero(occluders.rows[frames] >= 0)
    if not len(covered):
        return None
    plate = ThinPlate(mean_shape(control, to_crop), cells.centers(), SMOOTHING)
    valid = np.ones((len(frames), cells.across, cells.across), bool)
    for entry in covered:
        mask = occluders.masks[occluders.rows[frames[entry]]]
        inverse = cv2.invertAffineTransform(to_crop[entry])
        at = CELLS.to_cells(apply_affine(inverse, plate.map_to(control[entry])))
        seen = cv2.remap(mask, at.reshape(cells.across, cells.across, 2), None, cv2.INTER_LINEAR)
        valid[entry] = seen == 0
    return valid
