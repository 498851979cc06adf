"""Warp the target's jaw to match the new mouth.

An open mouth over a closed jaw has a squeezed chin, a closed one over a dropped jaw a long chin
(docs/method.md §7). How the person's jaw follows their lips is learned from their own footage by
regression; the target's jaw line is moved by the difference, and the surrounding picture is warped
with it. Eyes and nose stay fixed, as does everything farther than REACH from the jaw line.

Symbols: n output frames, j jaw points.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter1d

from lipsync.face.similarity import apply_affine
from lipsync.face.thin_plate import CoarseGrid, ThinPlate
from lipsync.face.tracked_face import SampledFace
from lipsync.runtime.numeric import smoothstep
from lipsync.runtime.option_spec import option_group
from lipsync.runtime.positions import sample_at
from lipsync.types import F32, N_LIPS, U8, Alignment, LipTrack, MouthBank

REACH = 0.4  # outer-eye distances from the jaw line beyond which neck and background stay
MAX_OFFSET = 0.2  # outer-eye distances
MIN_OFFSET_PX = 0.3  # smaller offsets are not worth resampling the picture
MOVED_PX = 0.05  # less is not seen: there the picture is not resampled
MIN_BOX_PX = 16  # smaller faces are not warped
PENALTY = 1e-3  # ridge λ, as a share of the features' mean variance
SMOOTHING_S = 0.04  # σ over time: jaw landmarks are noisy, and so are the lips
WARP_SMOOTHING = 1e-3  # λ of the thin-plate warp


@option_group
class JawOptions:
    """How the target's jaw follows the new mouth."""

    jaw: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How far the target's jaw moves to where the new mouth has it, as a share; 0: it stays."""


def predict_jaw_offsets(
    bank: MouthBank, lips: LipTrack, target: SampledFace, options: JawOptions
) -> F32 | None:
    """Predict the offsets of the target's jaw points, (n, j, 2) pixels; None: the jaw stays.

    Args:
        bank: the person's own mouths; with too few entries the jaw stays.
        lips: wanted, one per output frame, canonical; NaN: the jaw stays.
        target: the face in every output frame.
    """
    known = bank.quality > 0
    if options.jaw == 0 or known.sum() < 2 * N_LIPS:
        return None
    jaw_points = slice(N_LIPS, N_LIPS + len(target.face.scheme.jaw))
    theirs = apply_affine(
        Alignment(bank.to_crop[known]).to_canonical, bank.control[known][:, jaw_points]
    )
    slopes = _fit_slopes(_features(bank.lips[known]), theirs.reshape(len(theirs), -1))
    own = sample_at(_features(target.face.lips.points), target.order)
    offsets = (_features(lips.points) - own) @ slopes
    offsets = np.nan_to_num(offsets).reshape(len(target), -1, 2)
    sigma = SMOOTHING_S * float(lips.rate)
    for run in np.split(np.arange(len(target)), np.flatnonzero(np.diff(target.shots)) + 1):
        offsets[run] = gaussian_filter1d(offsets[run], sigma, axis=0, mode="nearest")
    length = np.linalg.norm(offsets, axis=-1, keepdims=True)
    offsets *= options.jaw * np.minimum(1, MAX_OFFSET / np.maximum(length, 1e-9))
    linear = target.to_frame[:, :, :2]
    return np.asarray(offsets @ np.swapaxes(linear, 1, 2), np.float32)


def _features(points: F32) -> NDArray[np.float64]:
    """Features of lips (n, 18, 2) that predict the jaw: gap, lower lip y and x, width; (n, 4)."""
    p = points.astype(np.float64)
    lower = p[:, 7:12].mean(1)
    gap = p[:, 15:18, 1].mean(1) - p[:, 12:15, 1].mean(1)
    return np.stack([gap, lower[:, 1], lower[:, 0], p[:, 6, 0] - p[:, 0, 0]], axis=1)


def _fit_slopes(x: NDArray[np.float64], y: F32) -> NDArray[np.float64]:
    """Slopes (f, d) of a ridge regression of y (m, d) on x (m, f), both about their means."""
    x, y64 = x - x.mean(0), y - y.mean(0, dtype=np.float64)
    gram = x.T @ x / len(x)
    gram += PENALTY * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.asarray(np.linalg.solve(gram, x.T @ y64 / len(x)))


class JawWarper:
    """Warps the jaw line of the target's frames."""

    def __init__(self, target: SampledFace) -> None:
        self._jaw, self._fixed = target.jaw, target.anchors
        self._middle = target.nose_base[:, 0]
        self._scale = target.scale

    def warp(self, frame: U8, i: int, offsets: F32) -> U8:
        """Move the jaw points of output frame i by offsets (j, 2), pixels.

        Offsets below MIN_OFFSET_PX leave the frame itself.
        """
        jaw, scale = self._jaw[i], float(self._scale[i])
        if np.abs(offsets).max() < MIN_OFFSET_PX or not np.isfinite(jaw).all():
            return frame
        outward = jaw - self._middle[i]
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
        ring = jaw + REACH * scale * outward
        # To where the warp ends on every side: at the ears the ring points sideways, not up.
        reach = REACH * scale
        low = np.maximum(np.floor(jaw.min(0) - reach).astype(int), 0)
        high = np.minimum(np.ceil(jaw.max(0) + reach).astype(int), frame.shape[1::-1])
        width, height = (high - low).tolist()
        if min(width, height) < MIN_BOX_PX:
            return frame
        grid = CoarseGrid(width, height)
        around = grid.points + low.astype(np.float32)
        fixed = np.concatenate([self._fixed[i], ring])
        wanted = np.asarray(np.concatenate([jaw + offsets, fixed]) / scale, np.float32)
        source = np.asarray(np.concatenate([jaw, fixed]) / scale, np.float32)
        plate = ThinPlate(wanted, around / scale, WARP_SMOOTHING)
        shift = plate.map_to(source - wanted) * scale
        shift *= self._weight(around, jaw, scale)[:, None]
        rows, columns = _find_moved(grid, shift)
        coords = grid.upsample(around + shift)[rows, columns]
        result = frame.copy()
        result[low[1] : high[1], low[0] : high[0]][rows, columns] = cv2.remap(
            frame, coords, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return result

    def _weight(self, grid: F32, jaw: F32, scale: float) -> F32:
        """Weight (p,) of the warp at points (p, 2): 1 within REACH / 3 of the jaw, 0 from REACH."""
        distance = np.linalg.norm(grid[:, None] - jaw[None], axis=-1).min(1)
        ramp = np.clip(1.5 - 1.5 * distance / (REACH * scale), 0, 1)
        return np.asarray(smoothstep(ramp), np.float32)


def _find_moved(grid: CoarseGrid, shift: F32) -> tuple[slice, slice]:
    """Rows and columns of a grid's picture that a shift (p, 2) moves, pixels."""
    moved = grid.points[np.abs(shift).max(1) > MOVED_PX]
    if not len(moved):
        return slice(0, 0), slice(0, 0)
    low = np.maximum(np.floor(moved.min(0)) - grid.step, 0).astype(int).tolist()
    high = (np.ceil(moved.max(0)) + grid.step + 1).astype(int).tolist()
    return slice(low[1], min(high[1], grid.height)), slice(low[0], min(high[0], grid.width))
