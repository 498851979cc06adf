"""Keep what lies before the face before the new mouth: hands at a chin, captions.

The new mouth is blended into the frame as if the thing were not there: where it is, the frame's
skin and its difference from the new one are continued, so that neither the thing nor letters of the
bank's frames lead the match of colors. Then the frame's own pixels are put back.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale, apply_affine
from lipsync.face.tracked_face import SampledFace
from lipsync.media.pixels import fill_polygon, to_three_channels
from lipsync.mouth.occlusion.mask_space import draw_in_frame
from lipsync.mouth.shape_free import REGION
from lipsync.types import F32, U8, Box, Occluders, Patch

SKIN_SIGMA = 0.12  # outer-eye distances from which skin is continued below a thing
RIM = 0.75  # share of the outline's size; beyond it the new mouth's skin is compared
ENOUGH_PX = 6.0  # of that σ in pixels: larger faces are reduced first
LEAST_WEIGHT = 1e-3  # of skin near by; without any its mean takes over


class Covered:
    """The part of one frame that something lies before."""

    def __init__(self, frame: U8, mask: F32, box: Box, scale: float) -> None:
        """`mask`: (height, width) of the box, 0..1; `scale`: pixels per outer-eye distance."""
        self.mask, self.box = mask, box
        self.frame, self._scale = frame, scale

    def _of(self, picture: U8) -> U8:
        x, y, width, height = self.box
        return picture[y : y + height, x : x + width]

    def uncover(self, below: U8, patch: Patch, outline: F32) -> tuple[U8, Patch]:
        """Continue the skin under the thing: in a copy of the frame, and in the patch.

        Args:
            below: (h, w, 3), the frame, its jaw moved.
            outline: (k, 2), of the new mouth, pixels.
        """
        x, y, width, height = self.box
        inside = np.zeros(self.mask.shape, np.uint8)
        border = outline - np.array([x, y], np.float32)
        fill_polygon(inside, border)
        skin = np.asarray((inside > 0) * (1 - self.mask), np.float32)
        to_patch = patch.from_frame.copy()
        to_patch[:, 2] += to_patch[:, :2] @ np.array([x, y], np.float32)
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        new, sure = (
            cv2.warpAffine(one, to_patch, (width, height), flags=flags)
            for one in (patch.rgb, patch.alpha)
        )
        uncovered = below.copy()
        part = self._of(uncovered)
        # Where the patch meets the frame: further inside they differ as mouths do.
        center = border.mean(0)
        within = np.zeros(self.mask.shape, np.uint8)
        fill_polygon(within, center + RIM * (border - center))
        rim = np.asarray(skin * sure * (within == 0), np.float32)
        sigma = SKIN_SIGMA * self._scale
        if skin.any() and rim.any():
            change = continue_skin(cv2.subtract(new, part, dtype=cv2.CV_32F), rim, sigma)
            part[:] = _mix(part, continue_skin(part, skin, sigma), self.mask)
            new = _mix(new, part + change, self.mask)
        shift = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        return uncovered, replace(patch, rgb=new, alpha=sure, from_frame=shift)

    def put_back(self, made: U8, below: U8, uncovered: U8) -> None:
        """Put what is before the new mouth back into a picture, in place.

        Args:
            made: (h, w, 3), the new mouth in `uncovered`, which came from `below`.
        """
        part, lower = self._of(made), self._of(below).astype(np.float32)
        change = cv2.subtract(part, self._of(uncovered), dtype=cv2.CV_32F)
        part[:] = _mix(lower + change, self._of(self.frame).astype(np.float32), self.mask)

    def hide(self, alpha: F32, corner: tuple[int, int]) -> F32:
        """The part of an alpha (h, w), whose corner is at x, y, that can be seen."""
        height, width = alpha.shape
        x, y = self.box[0] - corner[0], self.box[1] - corner[1]
        shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
        covered = cv2.warpAffine(self.mask, shift, (width, height), flags=cv2.INTER_NEAREST)
        return np.asarray(alpha * (1 - covered))


def find_covered(
    frame: U8, target: SampledFace, i: int, occluders: Occluders | None
) -> Covered | None:
    """What lies before the face in output frame i (h, w, 3); None: nothing.

    Args:
        occluders: of the target's frames; None: unknown.
    """
    if occluders is None:
        return None
    place = float(target.order[i])
    around = (occluders.mask(j) for j in {math.floor(place), math.ceil(place)})
    masks = [mask for mask in around if mask is not None]
    if not masks:
        return None
    to_frame = target.to_frame[i]
    left, top, right, bottom = REGION
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    at = apply_affine(to_frame, corners)
    low = np.maximum(np.floor(at.min(0)), 0).astype(int).tolist()
    high = np.minimum(np.ceil(at.max(0)), frame.shape[1::-1]).astype(int).tolist()
    box = (low[0], low[1], high[0] - low[0], high[1] - low[1])
    if min(box[2:]) < 1:
        return None
    drawn = draw_in_frame(np.maximum.reduce(masks), to_frame, box)
    return Covered(frame, drawn, box, affine_scale(to_frame)) if drawn.any() else None


def continue_skin(picture: U8 | F32, weight: F32, sigma: float) -> F32:
    """Continue a picture (h, w, 3) from where `weight` (h, w) is large to where it is not."""
    zoom = min(1.0, ENOUGH_PX / sigma)
    height, width = weight.shape
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    weighted = cv2.multiply(picture.astype(np.float32), to_three_channels(weight))
    mean = weighted.sum((0, 1)) / weight.sum()
    colors, total = (
        cv2.GaussianBlur(cv2.resize(one, size, interpolation=cv2.INTER_AREA), (0, 0), sigma * zoom)
        for one in (weighted, weight)
    )
    smooth = (colors + LEAST_WEIGHT * mean) / (total[..., None] + LEAST_WEIGHT)
    return np.asarray(
        cv2.resize(smooth.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    )


def _mix(lower: U8 | F32, upper: F32, mask: F32) -> U8:
    """`upper` over `lower` with a mask (h, w), 0..1."""
    change = cv2.multiply(upper - lower, to_three_channels(mask))
    return np.asarray(np.clip(np.rint(lower + change), 0, 255), np.uint8)
