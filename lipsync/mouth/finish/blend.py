"""Blend a patch into a frame: soft mask, membrane color match, Laplacian pyramid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.media.pixels import cell_means, enlarge, fill_polygon, to_three_channels
from lipsync.mouth.finish.foreign import (
    LIGHT_REACH,
    MouthZone,
    find_cast,
    find_foreign,
    trust_border,
)
from lipsync.runtime.numeric import smoothstep
from lipsync.types import F32, U8, Patch

LEVELS = 4  # of the Laplacian pyramid
FINE_FEATHER, MAX_REDUCTION = 2.5, 4  # pixels: wider ramps are drawn reduced, up to this factor
RAMP = 0.45  # of the blurred mask above 1/2, its value on the border, from 0 to 1 of the mask
MIN_ALPHA = 1 / 255  # less does not change an 8-bit picture
MIN_BOX_PX = 8  # narrower boxes are not blended: a pyramid needs some pixels
# The pyramid's coarse levels reach beyond the mask; alpha times this, at most 1, limits the change
# to the mask while leaving its soft border as it is.
EDGE_GAIN = 8
RELAXATIONS = 6  # of the membrane, per level
FINE_PX = 96  # boxes at least this large are solved at half their resolution
BORDER_BLUR = 1.5  # pixels, σ of the local means along the border
# Pixels per outer-eye distance that are enough to match colors: of larger faces means are compared.
ENOUGH_SCALE = 100
SURE_GAIN = 4  # cells with 1/4 border pixels or more keep the border's value


@dataclass(frozen=True, eq=False)
class Composited:
    """A composited frame and its mask."""

    target: U8  # (h, w, 3), the original frame
    frame: U8  # (h, w, 3), the composited one
    alpha: F32 | None  # (bh, bw), 0..1, in a box of the frame; None: the frame is unchanged
    corner: tuple[int, int]  # x, y of the box


def blend_patch(
    frame: U8,
    patch: Patch,
    outline: F32,
    feather: float,
    color_match: bool,
    in_place: bool = False,
    zone: MouthZone | None = None,
) -> Composited:
    """Blend a patch into a frame, inside an outline.

    Args:
        frame: (h, w, 3).
        outline: (k, 2) pixels.
        feather: softness of the mask's border, pixels.
        color_match: match the patch's color to the frame's along the border.
        in_place: write into `frame`.
        zone: of a mouth whose patch has the light of the face: outside of it the frame keeps what
            is not skin. None: a patch of any color, all of it new.
    """
    box = _box(outline, feather, frame.shape)
    if box is None:
        return Composited(frame, frame, None, (0, 0))
    x, y, width, height = box
    own = frame[y : y + height, x : x + width].astype(np.float32)
    new, sure = _on_frame_grid(patch, box)
    alpha = soft_mask(outline - np.array([x, y], np.float32), feather, (height, width)) * sure
    alpha[alpha < MIN_ALPHA] = 0
    difference = cv2.subtract(new, own)
    if color_match:
        difference -= match_colors(difference, alpha, zone)
    if zone is not None:
        alpha *= 1 - find_foreign(difference, zone, (x, y))
    change = laplacian_blend(difference, alpha)
    change *= to_three_channels(np.minimum(alpha * EDGE_GAIN, 1))
    result = frame if in_place else frame.copy()
    result[y : y + height, x : x + width] = cv2.add(own, change, dtype=cv2.CV_8U)
    return Composited(frame, result, alpha, (x, y))


def _box(outline: F32, feather: float, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """x, y, width, height of the part of the frame that the mask covers; None: too little."""
    margin = 3 * feather + 2
    low = np.maximum(np.floor(outline.min(0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(outline.max(0) + margin), [shape[1], shape[0]]).astype(int)
    if (high - low < MIN_BOX_PX).any():
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _on_frame_grid(patch: Patch, box: tuple[int, int, int, int]) -> tuple[F32, F32]:
    """The patch's color and alpha on the box's pixels, resampled only if off the pixel grid."""
    x, y, width, height = box
    to_patch = patch.from_frame.copy()
    to_patch[:, 2] += to_patch[:, :2] @ np.array([x, y], np.float32)
    on_grid = np.array_equal(to_patch[:, :2], np.eye(2)) and np.all(to_patch[:, 2] % 1 == 0)
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_NEAREST if on_grid else cv2.INTER_CUBIC)
    rgb = cv2.warpAffine(
        patch.rgb, to_patch, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpAffine(patch.alpha, to_patch, (width, height), flags=flags)
    return rgb.astype(np.float32), np.clip(alpha, 0, 1)


def soft_mask(outline: F32, feather: float, shape: tuple[int, int]) -> F32:
    """Draw a mask (h, w): 1 well inside `outline`, 0 outside, a smooth ramp inside the border.

    Args:
        outline: (k, 2) pixels.
        feather: half the width of the ramp, roughly, pixels.
        shape: h, w.
    """
    # A wide ramp has no fine detail: it is drawn reduced and enlarged.
    reduction = int(np.clip(feather / FINE_FEATHER, 1, MAX_REDUCTION))
    small = tuple(-(-side // reduction) for side in shape)
    mask = np.zeros(small, np.uint8)
    fill_polygon(mask, (outline + 0.5) / reduction - 0.5)
    blurred = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), feather / reduction)
    if reduction > 1:
        size = (small[1] * reduction, small[0] * reduction)
        blurred = cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR)
        blurred = blurred[: shape[0], : shape[1]]
    # The blur is 1/2 on the border, so the ramp lies inside it.
    ramp = np.clip((blurred - 0.5) / RAMP, 0, 1)
    return np.asarray(smoothstep(ramp), np.float32)


def match_colors(difference: F32, alpha: F32, zone: MouthZone | None) -> F32:
    """What is taken from a difference (h, w, 3) so that the pictures meet along the mask's border.

    Args:
        alpha: (h, w), 0..1, whose border is where it lies in 0..0.5.
        zone: see `blend_patch`. In the light of the face, but for a cast over all of it, what
            differs at the border need not differ inside.
    """
    border = ((alpha > 0) & (alpha < 0.5)).astype(np.float32)
    if zone is None:
        return solve_membrane(difference, border)
    reduction = max(1, int(zone.scale / ENOUGH_SCALE))
    if reduction > 1:
        difference, border = _reduce(difference, border, reduction)
    cast = find_cast(difference, border)
    rest = difference - cast
    border *= trust_border(rest, border)
    field = cast + solve_membrane(rest, border, LIGHT_REACH * zone.scale / reduction)
    return enlarge(np.asarray(field, np.float32), reduction, alpha.shape)


def _reduce(difference: F32, border: F32, reduction: int) -> tuple[F32, F32]:
    """Means of a difference (h, w, 3) over the border (h, w) in every cell, and its share there."""
    weighted = cv2.multiply(difference, to_three_channels(border))
    sums, shares = (cell_means(one, reduction) for one in (np.asarray(weighted), border))
    means = cv2.divide(sums, to_three_channels(np.maximum(shares, 1e-6)))
    return np.asarray(means), shares


def solve_membrane(difference: F32, border: F32, reach: float = math.inf) -> F32:
    """Solve for the smoothest field that equals `difference` along a border.

    As in Poisson cloning, screened: ∇²f = f / reach². By cascadic multigrid, solved on the coarsest
    level of a pyramid, then upsampled and relaxed level by level. Border values are local means, so
    that a single noisy pixel leaves no streak.

    Args:
        difference: (h, w, 3); border: (h, w), 0..1.
        reach: pixels, over which the field falls from the border inwards; inf: it does not.
    """
    weighted, known = cv2.multiply(difference, to_three_channels(border)), border
    if min(border.shape) < FINE_PX:
        weighted, known = (cv2.GaussianBlur(v, (0, 0), BORDER_BLUR) for v in (weighted, known))
        return _solve_laplace(weighted, known, reach)
    # The field is smooth: for a large face half the resolution is enough.
    weighted, known = (
        cv2.GaussianBlur(cv2.pyrDown(v), (0, 0), BORDER_BLUR / 2) for v in (weighted, known)
    )
    field = _solve_laplace(weighted, known, reach / 2)
    size = (border.shape[1], border.shape[0])
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_LINEAR))


def _solve_laplace(weighted: F32, weight: F32, reach: float) -> F32:
    """Fill in values where `weight` (h, w) is small; `weighted` (h, w, 3) is value × weight."""
    if min(weight.shape) <= 3:
        total = max(float(weight.sum()), 1e-12)
        return np.broadcast_to(weighted.sum((0, 1)) / total, weighted.shape).astype(np.float32)
    coarse = _solve_laplace(cv2.pyrDown(weighted), cv2.pyrDown(weight), reach / 2)
    size = (weight.shape[1], weight.shape[0])
    field = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    sure = np.minimum(SURE_GAIN * weight, 1)
    border = cv2.multiply(
        weighted, to_three_channels(np.asarray(sure / np.maximum(weight, 1e-6), np.float32))
    )
    # A mean of 3 × 3 is 1 + ∇² / 3, to second order.
    rest = to_three_channels(np.asarray((1 - sure) / (1 + 1 / (3 * reach**2)), np.float32))
    for _ in range(RELAXATIONS):
        field = cv2.add(border, cv2.multiply(rest, cv2.blur(field, (3, 3))))
    return np.asarray(field, np.float32)


def laplacian_blend(difference: F32, alpha: F32) -> F32:
    """Blend two pictures with Laplacian pyramids LEVELS deep (Burt and Adelson, 1983).

    Blending is linear, so only the pyramid of the pictures' difference is built.

    Args:
        difference: (h, w, 3), upper minus lower picture.
        alpha: (h, w), 0..1, of the upper picture.

    Returns:
        (h, w, 3), what the blend adds to the lower picture.
    """
    mask = alpha
    masks, bands = [], []
    for _ in range(LEVELS - 1):
        smaller = cv2.pyrDown(difference)
        size = (difference.shape[1], difference.shape[0])
        bands.append(cv2.subtract(difference, cv2.pyrUp(smaller, dstsize=size)))
        masks.append(mask)
        difference, mask = smaller, cv2.pyrDown(mask)
    total = cv2.multiply(difference, to_three_channels(mask))
    for band, level in zip(reversed(bands), reversed(masks), strict=True):
        size = (band.shape[1], band.shape[0])
        total = cv2.add(
            cv2.pyrUp(total, dstsize=size), cv2.multiply(band, to_three_channels(level))
        )
    return np.asarray(total)
