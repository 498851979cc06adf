"""The canonical picture of mouth and chin that the decoder sees and draws.

It is a part of the canonical mouth space in pixels: roll and size of the head are removed, so that
a pixel always shows the same part of the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.lip_mask import INNER_LIPS
from lipsync.face.similarity import affine_scale, compose_affine
from lipsync.media.pixels import fill_polygon
from lipsync.types import F32, I64, N_LIPS, U8, LipTrack

# Outer-eye distances. The mask of a composite reaches 0.75 to either side, and vertically from 0.62
# (below the nose) to 1.45 (the chin of an open mouth).
LEFT, TOP, RIGHT, BOTTOM = -0.8, 0.55, 0.8, 1.55
STRIDE = 8  # of the network: width and height are multiples of it
OUTER_LIPS = [*range(12)]  # lip points: closed outline of the outer lips
CONTEXT_S = 0.08  # before and after, from where motion and sound are taken
# Values of a conditioning vector from landmarks: lips, their motion, nose points. The next value is
# whether the sound is known.
LANDMARK_VALUES = 2 * 2 * N_LIPS + 6
MAPS = 2  # masks of the outer and the inner lips, see `Canvas.draw_lip_maps`
MIN_REDUCTION = 1.05  # from which a picture is blurred before it is reduced


@dataclass(frozen=True)
class Canvas:
    """The pixel grid of the canonical crop, w × h; `size` is its width."""

    size: int

    @property
    def height(self) -> int:
        """Pixels: the multiple of STRIDE that holds TOP to BOTTOM."""
        return -(-round(self.per_unit * (BOTTOM - TOP)) // STRIDE) * STRIDE

    @property
    def per_unit(self) -> float:
        """Pixels per outer-eye distance."""
        return self.size / (RIGHT - LEFT)

    @property
    def to_canonical(self) -> F32:
        """(2, 3), pixels → canonical."""
        cell = 1 / self.per_unit  # coordinates are of pixel centers
        return np.array([[cell, 0, LEFT + cell / 2], [0, cell, TOP + cell / 2]], np.float32)

    @property
    def from_canonical(self) -> F32:
        """(2, 3), the inverse of `to_canonical`."""
        n = self.per_unit
        return np.array([[n, 0, -LEFT * n - 0.5], [0, n, -TOP * n - 0.5]], np.float32)

    def crop(self, picture: U8, to_picture: F32) -> U8:
        """Crop the mouth from a picture (·, ·, 3), (h, w, 3).

        Args:
            to_picture: (2, 3), canonical → pixels of the picture.
        """
        to_picture = to_picture.copy()
        finer = affine_scale(to_picture) / self.per_unit
        if finer > MIN_REDUCTION:  # finer detail than the canvas resolves would alias
            picture = cv2.GaussianBlur(picture, (0, 0), 0.5 * float(np.sqrt(finer**2 - 1)))
        return np.asarray(
            cv2.warpAffine(
                picture,
                compose_affine(to_picture, self.to_canonical),
                (self.size, self.height),
                flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )

    def paste(
        self, values: F32, to_picture: F32, shape: tuple[int, int], extend: bool = False
    ) -> F32:
        """Resample canvas values (h, w, c) to the pixel grid of a picture of `shape`.

        Args:
            to_picture: (2, 3), canonical → pixels of the picture.
            extend: repeat the canvas' edge outside it, instead of 0.
        """
        from_canvas = compose_affine(to_picture, self.to_canonical)
        return np.asarray(
            cv2.warpAffine(
                values,
                from_canvas,
                shape[::-1],
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE if extend else cv2.BORDER_CONSTANT,
            ),
            np.float32,
        )

    def draw_lip_maps(self, lips: F32) -> U8:
        """Draw masks of the outer and inner contour of lips (18, 2), canonical, (h, w, MAPS)."""
        points = lips @ self.from_canonical[:, :2].T + self.from_canonical[:, 2]
        maps = np.zeros((MAPS, self.height, self.size), np.uint8)
        for one, outline in zip(maps, (OUTER_LIPS, INNER_LIPS), strict=True):
            fill_polygon(one, points[outline])
        return np.ascontiguousarray(np.moveaxis(maps, 0, -1))

    def draw_mask(self, outline: F32, softness: float) -> U8:
        """Draw a soft mask (h, w), 0..255, of the inside of an outline (k, 2), canonical.

        Args:
            softness: σ of the border, outer-eye distances.
        """
        mask = np.zeros((self.height, self.size), np.uint8)
        fill_polygon(mask, outline @ self.from_canonical[:, :2].T + self.from_canonical[:, 2])
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(softness * self.per_unit, 0.5)))


def describe_mouths(
    lips: LipTrack, pose: F32, phones: F32 | None, run: I64, phone_count: int
) -> F32:
    """Compute conditioning vectors: what is known of each mouth besides pictures.

    Args:
        lips: n, canonical; pose: (n, 3, 2) nose points, canonical.
        phones: (n, phone_count), phone embedding of the sound; None: unknown.
        run: (n,), number of the run of consecutive frames that each belongs to; motion and phones
            before and after a frame are taken within its run only.

    Returns:
        (n, conditioning_size(phone_count)).
    """
    n = len(lips)
    here = np.arange(n)

    def context(offset: int) -> I64:
        other = np.clip(here + offset, 0, n - 1)
        there = (other == here + offset) & (run[other] == run)
        return np.where(there, other, here)

    reach = round(CONTEXT_S * float(lips.rate))
    before, after = context(-reach), context(reach)
    flat = lips.points.reshape(n, -1)
    if phones is None:
        heard, known = np.zeros((n, 3 * phone_count), np.float32), np.zeros((n, 1), np.float32)
    else:
        heard = np.concatenate([phones[before], phones, phones[after]], axis=1)
        known = np.ones((n, 1), np.float32)
    moving = flat[after] - flat[before]
    return np.concatenate([flat, moving, pose.reshape(n, -1), known, heard], axis=1).astype(
        np.float32
    )


def conditioning_size(phone_count: int) -> int:
    """Length of a conditioning vector; its last 3 · phone_count + 1 values describe the sound."""
    return LANDMARK_VALUES + 1 + 3 * phone_count
