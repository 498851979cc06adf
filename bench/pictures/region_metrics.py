"""Metrics of a re-rendered mouth, region by region: inner mouth, lips, skin, and the border.

Everything is measured in stabilized crops: every frame is resampled once to the canonical space of
its face, at the face's own resolution, the original and the result alike. Symbols: n frames, h × w
pixels of the crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from bench.pictures.picture_metrics import band_contrast, optical_flows, sharpness, ssim
from lipsync.face.lip_mask import INNER_LIPS
from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.face.tracked_face import SampledFace
from lipsync.media.pixels import fill_polygon
from lipsync.mouth.finish.blend import soft_mask
from lipsync.mouth.finish.composite import CompositeOptions
from lipsync.types import F32, U8, Bools

CROP = (-0.95, 0.1, 0.95, 1.85)  # canonical: left, top, right, bottom
MAX_SCALE = 160.0  # pixels per outer-eye distance; larger faces are measured reduced
OUTER_LIPS = list(range(12))  # lip points
# Shares of the new mouth's opacity that separate skin from border, and border from the rest.
OPAQUE, TOUCHED = 0.9, 0.02
Regions = dict[str, Bools]  # (n, h, w) each
MIN_PIXELS = 40  # of a region, over all frames


@dataclass(frozen=True)
class Crops:
    """Stabilized crops of n frames, and the regions in them."""

    frames: U8  # (n, h, w, 3)
    scale: float  # pixels per outer-eye distance
    regions: Regions


@dataclass(frozen=True)
class RegionMetrics:
    """Metrics of one run of frames; NaN where a region is too small to tell."""

    error_inner: float  # mean squared error, levels²
    error_lips: float
    error_skin: float
    error_border: float
    ssim: float  # over all that is new
    sharp_inner: float  # `band_contrast`, result / original
    sharp_lips: float
    sharp_skin: float
    fine: float  # `sharpness` over all that is new, result / original
    flicker: float  # warping error with the original's flow, result / original
    lively: float  # energy of the second difference in time inside the lips' outline, by original
    light: float  # mean luma of the skin, |result − original|, levels

    @staticmethod
    def mean(rows: list[RegionMetrics]) -> RegionMetrics:
        """The mean of several runs, NaN left out."""
        return RegionMetrics(*mean_of_fields(rows))


def stabilize(frames: U8, to_frame: F32, scale: float) -> U8:
    """Resample frames (n, h, w, 3) to the crop of the canonical space, cubic.

    Args:
        to_frame: (n, 2, 3), canonical → pixels.
        scale: pixels per outer-eye distance.
    """
    left, top, right, bottom = CROP
    width, height = round((right - left) * scale), round((bottom - top) * scale)
    place = np.array([[1 / scale, 0, left], [0, 1 / scale, top]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.stack(
        [
            cv2.warpAffine(
                f,
                compose_affine(m, place),
                (width, height),
                flags=flags,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for f, m in zip(frames, to_frame, strict=True)
        ]
    )


def to_crop_pixels(points: F32, scale: float) -> F32:
    """Convert canonical points (..., 2) to pixels of a stabilized crop."""
    return np.asarray((points - np.array(CROP[:2], np.float32)) * scale - 0.5, np.float32)


def find_regions(lips: F32, alpha: F32, scale: float) -> Regions:
    """The regions of stabilized crops, (n, h, w) each.

    Args:
        lips: (n, 18, 2), canonical, as seen in the original.
        alpha: (n, h, w), opacity of a default render's new mouth.
    """
    inner, outer = (np.zeros(alpha.shape, bool) for _ in range(2))
    for i, points in enumerate(lips):
        pixels = to_crop_pixels(points, scale)
        for mask, chosen in ((inner, INNER_LIPS), (outer, OUTER_LIPS)):
            drawn = np.zeros(alpha.shape[1:], np.uint8)
            fill_polygon(drawn, pixels[chosen])
            mask[i] = drawn > 127
    return {
        "inner": inner,
        "lips": outer & ~inner,
        "skin": (alpha > OPAQUE) & ~outer,
        "border": (alpha > TOUCHED) & (alpha <= OPAQUE) & ~outer,
    }


def compare(original: Crops, result: U8) -> RegionMetrics:
    """Compare stabilized crops of a result (n, h, w, 3) with the original's."""
    theirs, regions = original.frames, original.regions
    squared = (theirs.astype(np.float32) - result).astype(np.float32) ** 2
    gray, new = luma(theirs), luma(result)
    whole = regions["inner"] | regions["lips"] | regions["skin"]
    mouth = regions["inner"] | regions["lips"]
    scales = np.full(len(theirs), original.scale, np.float32)

    def sharp(name: str) -> float:
        where = regions[name]
        if where.sum() < MIN_PIXELS:
            return np.nan
        own = band_contrast(theirs, where, scales)
        return band_contrast(result, where, scales) / max(own, 1e-6)

    return RegionMetrics(
        error_inner=_mean(squared.mean(-1), regions["inner"]),
        error_lips=_mean(squared.mean(-1), regions["lips"]),
        error_skin=_mean(squared.mean(-1), regions["skin"]),
        error_border=_mean(squared.mean(-1), regions["border"]),
        ssim=float(np.mean([ssim(*three)[0] for three in zip(theirs, result, whole, strict=True)])),
        sharp_inner=sharp("inner"),
        sharp_lips=sharp("lips"),
        sharp_skin=sharp("skin"),
        fine=sharpness(result, whole) / max(sharpness(theirs, whole), 1e-6),
        flicker=_flicker(theirs, result, whole),
        lively=_mean(acceleration(new), mouth[1:-1]) / _mean(acceleration(gray), mouth[1:-1]),
        light=abs(_mean(new - gray, regions["skin"])),
    )


def face_regions(face: SampledFace, lips: F32, scale: float, shape: tuple[int, int]) -> Regions:
    """The regions of stabilized crops of a face onto which a default render draws lips.

    Args:
        lips: (n, 18, 2), canonical; shape: h, w of the crops.
    """
    options = CompositeOptions()
    outlines = apply_affine(face.to_canonical, face.outlines(options.mask_inset))
    feather = options.mask_feather * scale
    alpha = [soft_mask(one, feather, shape) for one in to_crop_pixels(outlines, scale)]
    return find_regions(lips, np.stack(alpha), scale)


def mean_of_fields(rows: Sequence[Any]) -> list[float]:
    """The mean of every field of several dataclasses of numbers, NaN left out."""
    columns = (np.array([getattr(row, f.name) for row in rows]) for f in fields(rows[0]))
    return [float(np.nanmean(c)) if np.isfinite(c).any() else np.nan for c in columns]


def luma(frames: U8) -> F32:
    """Luma of frames, (n, h, w)."""
    return np.stack([cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]).astype(np.float32)


def _mean(values: F32, where: Bools) -> float:
    return float(values[where].mean()) if where.sum() >= MIN_PIXELS else np.nan


def acceleration(luma: F32) -> F32:
    """Squared difference of every frame from the mean of its two neighbors, (n − 2, h, w)."""
    return np.asarray((luma[1:-1] - (luma[:-2] + luma[2:]) / 2) ** 2, np.float32)


def _flicker(original: U8, result: U8, where: Bools) -> float:
    own = new = 0.0
    for t, (there, agree) in enumerate(optical_flows(original)):
        at = where[t] & agree
        own += warping_error(original, t, there, at)
        new += warping_error(result, t, there, at)
    return new / max(own, 1e-6)


def warping_error(frames: U8, t: int, there: F32, at: Bools) -> float:
    warped = cv2.remap(frames[t + 1], there, None, cv2.INTER_LINEAR)
    return float(((frames[t].astype(np.float32) - warped)[at] ** 2).sum())
