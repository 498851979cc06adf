"""Cheap scores of every new mouth against the picture that it replaces: where to look first.

They cost a small part of drawing and judge nothing by themselves: they only order the frames of one
render, so that the worst can be shown. `lipsync.inspection` measures with more care.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale, apply_affine, compose_affine
from lipsync.face.tracked_face import SampledFace
from lipsync.mouth.finish.blend import Composited
from lipsync.mouth.finish.teeth_relief import tooth_mask
from lipsync.types import F32, U8, Bools

# blur     how much less fine detail it has than the target there, log ratio
# flicker  change that the next frame takes back, beyond the target's, levels of luma
# tone     step of the color at the border of what is new, levels
# teeth    area of teeth between the lips, squared outer-eye distances
SCORES = ("blur", "flicker", "tone", "teeth")
# The square around the mouth in which all but the blur is measured: left and top in the canonical
# mouth space, side, pixels.
LEFT, TOP, SIDE, SIZE = -0.5, 0.42, 1.0, 48
STEP = 3  # rows of the frame, of which one in so many is enough for the blur
NEW = 0.5  # alpha from which a pixel is new
RING = (0.08, 0.5)  # alpha at the border
LEAST = 12  # pixels: the mean of fewer is noise
FLAT = 0.05  # levels: less detail than that is none
LIPS_MARGIN = 4  # pixels of the square around the lips, which move to and fro when they speak


class MouthScorer:
    """Scores the new mouths of one clip, whose frames are passed in order."""

    def __init__(self, target: SampledFace, skin: F32 | None) -> None:
        """Prepare for n output frames.

        Args:
            target: the face, in pixels of the boxes that are passed.
            skin: (n, 3), color of the skin around the mouth; None: unknown.
        """
        self._target, self._skin = target, skin
        self._last: list[tuple[int, F32, Bools]] = []  # frame, lumas made and own, its skin

    def score(self, i: int, made: Composited, lips: F32) -> F32:
        """The `SCORES` of output frame i, (4,); NaN where one cannot be known.

        Args:
            made: not yet marked.
            lips: (18, 2), the new ones, canonical.
        """
        if made.alpha is None:
            return np.full(len(SCORES), np.nan, np.float32)
        square = np.array([[SIDE / SIZE, 0, LEFT], [0, SIDE / SIZE, TOP]], np.float32)
        to_box = compose_affine(self._target.to_frame[i], square)
        to_alpha = to_box.copy()
        to_alpha[:, 2] -= made.corner
        new, own = (_square(picture, to_box) for picture in (made.frame, made.target))
        alpha = _square(made.alpha, to_alpha)
        points = apply_affine(cv2.invertAffineTransform(square).astype(np.float32), lips)
        mouth = _fill(points[:12])
        mouth = cv2.dilate(mouth, np.ones((2 * LIPS_MARGIN + 1,) * 2, np.uint8))
        skin = (alpha > NEW) & (mouth == 0)
        ring = (alpha > RING[0]) & (alpha < RING[1]) & (mouth == 0)
        return np.array(
            [
                _compare_detail(made),
                self._flicker(i, new, own, skin),
                _tone(new, own, alpha, ring),
                self._teeth(i, new, own, points, skin),
            ],
            np.float32,
        )

    def _flicker(self, i: int, new: F32, own: F32, skin: Bools) -> float:
        """Second difference over three frames on the skin, made minus the target's, RMS."""
        here = (i, np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (new, own)]), skin)
        last = self._last if self._last and self._last[-1][0] == i - 1 else []
        self._last = [*last[-1:], here]
        if len(last) < 2 or last[0][0] != i - 2:
            return float("nan")
        shared = skin & last[0][2] & last[1][2]
        if np.count_nonzero(shared) < LEAST:
            return float("nan")
        swings = here[1] - 2 * last[1][1] + last[0][1]
        made, usual = np.sqrt(np.mean(swings[:, shared] ** 2, axis=1))
        return float(made - usual)

    def _teeth(self, i: int, new: F32, own: F32, points: F32, skin: Bools) -> float:
        """Area of what is colored like teeth between the new lips."""
        if self._skin is not None:
            color = self._skin[i]
        elif np.count_nonzero(skin) >= LEAST:
            color = np.median(own[skin], axis=0)
        else:
            return float("nan")
        inner = points[[0, 12, 13, 14, 6, 15, 16, 17]]  # corners are of both contours
        white = tooth_mask(np.clip(np.rint(new), 0, 255).astype(np.uint8), color)
        return float(white[_fill(inner) > 0].sum()) * (SIDE / SIZE) ** 2


def _square(picture: F32 | U8, to_box: F32) -> F32:
    """The square around the mouth, (SIZE, SIZE[, 3]); large faces are averaged first."""
    across = int(affine_scale(to_box))
    if across > 1:
        corners = apply_affine(to_box, np.array([(0, 0), (SIZE, 0), (0, SIZE), (SIZE, SIZE)], "f4"))
        shape = np.array(picture.shape[1::-1])
        low = np.clip(np.floor(corners.min(0)).astype(int) - across, 0, shape - 1)
        high = np.clip(np.ceil(corners.max(0)).astype(int) + across, low + 1, shape)
        picture = picture[low[1] : high[1], low[0] : high[0]]
        picture = np.asarray(cv2.blur(picture, (across, across)))
        to_box = np.concatenate([to_box[:, :2], to_box[:, 2:] - low[:, None]], axis=1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, to_box, (SIZE, SIZE), flags=flags), np.float32)


def _fill(points: F32) -> U8:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.rint(np.nan_to_num(points)).astype(np.int32)], 1)
    return mask


def _compare_detail(made: Composited) -> float:
    """Fine detail that the target had there over that of the new picture, log ratio.

    Medians: a few edges of lips and teeth do not count.
    """
    assert made.alpha is not None  # noqa: S101 — asked by the caller
    (x, y), (height, width) = made.corner, made.alpha.shape
    new = made.alpha[::STEP, 1:-1] > NEW
    if np.count_nonzero(new) < LEAST:
        return float("nan")
    amounts = []
    for picture in (made.target, made.frame):
        rows = picture[y : y + height : STEP, x : x + width].astype(np.float32)
        luma = cv2.cvtColor(rows, cv2.COLOR_RGB2GRAY)
        detail = luma[:, 1:-1] - (luma[:, :-2] + luma[:, 2:]) / 2
        amounts.append(float(np.median(np.abs(detail[new]))))
    return float(np.log((amounts[0] + FLAT) / (amounts[1] + FLAT)))


def _tone(new: F32, own: F32, alpha: F32, ring: Bools) -> float:
    """How far the new color is from the target's along the border, levels."""
    if np.count_nonzero(ring) < LEAST:
        return float("nan")
    step = np.median(new[ring] - own[ring], axis=0) / float(alpha[ring].mean())
    return float(np.linalg.norm(step))
