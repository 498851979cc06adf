"""What is not the person's skin, in either picture: hair, background, a collar, a microphone.

A candidate of another pose lends hair or background where the target shows a cheek, and the other
way round. There the two pictures differ by far more than light does. Such differences must not lead
the match of colors, which would carry them inwards as a glow; and away from the mouth, where
nothing but light and folds may change, the target's own pixels stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.media.pixels import fill_polygon
from lipsync.runtime.numeric import smoothstep
from lipsync.types import F32

# Levels. The patch has the light of the frame's skin already: but for a cast, the border's usual
# difference is at most MAX_USUAL, and single places differ from it by shading, about SHADING.
MAX_USUAL, SHADING = 15.0, 24.0
# Outer-eye distances over which the rest of the border's difference falls inwards: the shading of
# another pose there is none of the face's.
LIGHT_REACH = 0.3
CAST_PERCENTILES = (10, 90)  # of the border's differences, that all have a cast's sign
CAST_PIXELS = 2000  # of the border, that are looked at
BORDER_SIGMA = 2.0  # pixels: one noisy pixel is no other material
# Levels left after the match of colors, from which the frame's pixel starts to stay and stays.
FOREIGN = (30.0, 55.0)
FOREIGN_SIGMA = 0.03  # outer-eye distances: σ of the means that are compared
FEW_PX = 1.5  # of that σ are enough: larger faces are reduced first
# Outer-eye distances from the lips, the target's own or the new: up to the first all is new, beyond
# the second what is foreign stays.
NEAR_MOUTH = (0.10, 0.22)
MEAN = np.full((1, 3), 1 / 3, np.float32)  # of three channels


@dataclass(frozen=True, eq=False)
class MouthZone:
    """Where a mouth changes the picture for good; c mouths, the target's own and the new one."""

    lips: F32  # (c, 18, 2), pixels of the frame
    scale: float  # pixels per outer-eye distance

    def outside(self, corner: tuple[int, int], shape: tuple[int, int], reduction: int = 1) -> F32:
        """How far outside of it each pixel of a box is, (h, w), 0 … 1; the box may be reduced."""
        beyond = np.full(shape, 255, np.uint8)
        for lips in self.lips[np.isfinite(self.lips).all((1, 2))]:
            drawn = np.zeros(shape, np.uint8)
            hull = cv2.convexHull(np.asarray(lips - np.array(corner, np.float32)))[:, 0]
            fill_polygon(drawn, (hull + 0.5) / reduction - 0.5)
            beyond[drawn > 0] = 0
        distance = cv2.distanceTransform(beyond, cv2.DIST_L2, 3) * (reduction / self.scale)
        near, far = NEAR_MOUTH
        return np.asarray(smoothstep(np.clip((distance - near) / (far - near), 0, 1)), np.float32)


def find_cast(difference: F32, border: F32) -> F32:
    """The color cast (3,) that nearly all of the border shares, levels; 0: there is none.

    Args:
        difference: (h, w, 3), levels.
        border: (h, w), 0..1, where it is looked at.
    """
    there = difference[border > 0.5]
    if not len(there):
        return np.zeros(3, np.float32)
    there = there[:: max(1, len(there) // CAST_PIXELS)]
    low, high = np.percentile(there, CAST_PERCENTILES, axis=0)
    return np.asarray(np.maximum(low, 0) + np.minimum(high, 0), np.float32)


def trust_border(difference: F32, border: F32) -> F32:
    """How far a difference of pictures may be one of light alone, (h, w), 0..1.

    Args:
        difference: (h, w, 3), levels.
        border: (h, w), 0..1, where it is looked at.
    """
    luma = cv2.GaussianBlur(cv2.transform(difference, MEAN), (0, 0), BORDER_SIGMA)
    there = luma[border > 0.5]
    usual = float(np.clip(np.median(there), -MAX_USUAL, MAX_USUAL)) if len(there) else 0.0
    squared = np.square((luma - usual) / np.float32(SHADING))
    return np.asarray(1 / (1 + squared * squared), np.float32)


def find_foreign(difference: F32, zone: MouthZone, corner: tuple[int, int]) -> F32:
    """Where the frame's own pixels stay, (h, w), 0..1.

    Args:
        difference: (h, w, 3), new minus own, colors matched.
        corner: x, y of the box in the frame.
    """
    sigma = max(FOREIGN_SIGMA * zone.scale, 0.5)
    height, width = difference.shape[:2]
    # What is blurred is drawn reduced and enlarged.
    reduction = max(1, int(sigma / FEW_PX))
    size = -(-width // reduction), -(-height // reduction)
    padded = cv2.copyMakeBorder(
        difference, 0, size[1] * reduction - height, 0, size[0] * reduction - width,
        cv2.BORDER_REPLICATE,
    )  # fmt: skip
    small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    smooth = cv2.absdiff(cv2.GaussianBlur(small, (0, 0), sigma / reduction), 0.0)
    red, green, blue = cv2.split(smooth)
    off = cv2.max(cv2.max(red, green), blue)
    low, high = FOREIGN
    strange = smoothstep(np.clip((off - low) / (high - low), 0, 1))
    found = np.asarray(strange * zone.outside(corner, off.shape, reduction), np.float32)
    if reduction == 1:
        return found
    whole = (size[0] * reduction, size[1] * reduction)
    return np.asarray(cv2.resize(found, whole, interpolation=cv2.INTER_LINEAR)[:height, :width])
