"""The jaw that goes with the new mouth.

An open mouth over a target whose jaw is shut shows a squeezed chin, a shut one over a dropped jaw a
long one (docs/method.md §7). How far a person's jaw drops with their lips is learnt from their own
footage; the target's jaw line is then moved by the difference, and the picture around it with it:
nothing moves at the eyes and the nose, and nothing further than REACH away from the jaw line.

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
from lipsync.runtime.option_spec import option_group
from lipsync.runtime.positions import sample_at
from lipsync.types import F32, N_LIPS, U8, Alignment, LipTrack, MouthBank

REACH = 0.4  # outer-eye distances from the jaw line to where neck and background stay
MAX_OFFSET = 0.2  # outer-eye distances that a jaw is moved at most
MIN_OFFSET_PX = 0.3  # less is not worth resampling a picture for
PENALTY = 1e-3  # of the regression, on top of the features' variance
SMOOTH_FRAMES = 1.0  # σ: landmarks of the jaw are noisy, and so are the lips they follow


@option_group
class JawOptions:
    """How the target's jaw follows the new mouth."""

    jaw: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of the way that the target's jaw goes to where the new mouth has it; 0: it stays."""


def predict_jaw_offsets(
    bank: MouthBank, lips: LipTrack, target: SampledFace, options: JawOptions
) -> F32 | None:
    """By how much the target's jaw points are to be moved, (n, j, 2) pixels; None: not at all.

    Args:
        lips: the wanted ones, one per output frame; NaN: the jaw stays.
        target: the face in every output frame.
    """
    known = bank.quality > 0
    if options.jaw == 0 or known.sum() < 2 * N_LIPS:
        return None
    jaw_points = slice(N_LIPS, N_LIPS + len(target.face.scheme.jaw))
    theirs = apply_affine(Alignment(bank.to_crop[known]).to_canonical, bank.control[known][:, jaw_points])
    slopes = _fit_slopes(_features(bank.lips[known]), theirs.reshape(len(theirs), -1))
    own = sample_at(_features(target.face.lips.points), target.order)
    moved = (_features(lips.points) - own) @ slopes
    moved = np.nan_to_num(moved).reshape(len(target), -1, 2)
    for run in np.split(np.arange(len(target)), np.flatnonzero(np.diff(target.shots)) + 1):
        moved[run] = gaussian_filter1d(moved[run], SMOOTH_FRAMES, axis=0, mode="nearest")
    length = np.linalg.norm(moved, axis=-1, keepdims=True)
    moved *= options.jaw * np.minimum(1, MAX_OFFSET / np.maximum(length, 1e-9))
    turned = target.to_frame[:, :, :2]
    return np.asarray(moved @ np.swapaxes(turned, 1, 2), np.float32)


def _features(points: F32) -> NDArray[np.float64]:
    """What of lips (n, 18, 2) tells where the jaw is: the gap, the lower lip, the width."""
    p = points.astype(np.float64)
    lower = p[:, 7:12].mean(1)
    gap = p[:, 15:18, 1].mean(1) - p[:, 12:15, 1].mean(1)
    return np.stack([gap, lower[:, 1], lower[:, 0], p[:, 6, 0] - p[:, 0, 0]], axis=1)


def _fit_slopes(x: NDArray[np.float64], y: F32) -> NDArray[np.float64]:
    """Ridge regression of changes of y (m, d) on changes of x (m, f): (f, d)."""
    x, y64 = x - x.mean(0), y - y.mean(0, dtype=np.float64)
    gram = x.T @ x / len(x)
    gram += PENALTY * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.asarray(np.linalg.solve(gram, x.T @ y64 / len(x)))


class JawWarper:
    """Moves the jaw line of the target's frames."""

    def __init__(self, target: SampledFace) -> None:
        self._jaw, self._fixed = target.jaw, target.anchors
        self._middle = target.nose_base[:, 0]
        self._scale = target.scale

    def warp(self, frame: U8, i: int, moved: F32) -> U8:
        """Output frame i with its jaw points moved by (j, 2) pixels; itself if hardly at all."""
        jaw, scale = self._jaw[i], float(self._scale[i])
        if np.abs(moved).max() < MIN_OFFSET_PX or not np.isfinite(jaw).all():
            return frame
        outward = jaw - self._middle[i]
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
        ring = jaw + REACH * scale * outward
        low = np.maximum(np.floor(ring.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(ring.max(0)).astype(int), [frame.shape[1], frame.shape[0]])
        width, height = (high - low).tolist()
        if min(width, height) < 16:
            return frame
        grid = CoarseGrid(width, height)
        around = grid.points + low.astype(np.float32)
        still = np.concatenate([self._fixed[i], ring])
        wanted = np.asarray(np.concatenate([jaw + moved, still]) / scale, np.float32)
        there = np.asarray(np.concatenate([jaw, still]) / scale, np.float32)
        shift = ThinPlate(wanted, around / scale, 1e-3).map_to(there - wanted) * scale
        places = grid.upsample(around + shift * self._share(around, jaw, scale)[:, None])
        result = frame.copy()
        result[low[1] : high[1], low[0] : high[0]] = cv2.remap(
            frame, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return result

    def _share(self, grid: F32, jaw: F32, scale: float) -> F32:
        """1 near the jaw line (j, 2), 0 from REACH away from it on, for places (p, 2)."""
        off = np.linalg.norm(grid[:, None] - jaw[None], axis=-1).min(1)
        ramp = np.clip(1.5 - 1.5 * off / (REACH * scale), 0, 1)
        return np.asarray(ramp * ramp * (3 - 2 * ramp), np.float32)
