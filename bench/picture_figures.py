"""The figures of docs/benchmarks/quality.md, from pictures alone.

Symbols: n frames of h × w pixels; `region` (n, h, w) bool is where the mouth was replaced, the
same for every row of a table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class PictureFigures:
    """One clip, one row; see EVALUATION in docs/how-it-works.md for the definitions."""

    psnr: float  # dB in the region
    ssim: float  # mean over the region
    sharpness: float  # variance of the Laplacian in the region, result / original
    flicker: float  # E_warp with the original's flow, result / original
    border: float  # ΔE2000 across the mask's border, median
    border_95: float  # … 95th percentile

    @staticmethod
    def mean(rows: list[PictureFigures]) -> PictureFigures:
        names = [f.name for f in fields(PictureFigures)]
        return PictureFigures(*(float(np.nanmean([getattr(r, n) for r in rows])) for n in names))


def measure(original: U8, result: U8, region: Bools) -> PictureFigures:
    """Compare a result (n, h, w, 3) with the original of the same shape."""
    error = (original.astype(np.float64) - result)[region]
    border = border_steps(result, region)
    return PictureFigures(
        psnr=float(10 * np.log10(255**2 / max(np.mean(error**2), 1e-9))),
        ssim=float(np.mean([ssim(*pair) for pair in zip(original, result, region, strict=True)])),
        sharpness=sharpness(result, region) / sharpness(original, region),
        flicker=warping_error(result, original, region) / warping_error(original, original, region),
        border=float(np.median(border)),
        border_95=float(np.percentile(border, 95)),
    )


def ssim(original: U8, result: U8, region: Bools) -> float:
    """Structural similarity (Wang et al. 2004, Gaussian σ 1.5), mean over the region."""
    _, values = structural_similarity(
        original,
        result,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
        data_range=255,
    )
    return float(values[region].mean())


def sharpness(frames: U8, region: Bools) -> float:
    """Variance of the Laplacian of the luma over the region."""
    values = [
        cv2.Laplacian(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.CV_64F)[r]
        for f, r in zip(frames, region, strict=True)
    ]
    return float(np.var(np.concatenate(values)))


def warping_error(frames: U8, original: U8, region: Bools) -> float:
    """E_warp: mean squared difference of a frame and the next one warped back onto it.

    The flow is the original's; where it and the backward flow disagree (occlusion) nothing counts.
    """
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    gray = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in original]
    h, w = gray[0].shape
    grid = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    errors = []
    for t in range(len(frames) - 1):
        forward = finder.calc(gray[t], gray[t + 1], None)
        backward = finder.calc(gray[t + 1], gray[t], None)
        there = grid + forward
        returned = cv2.remap(backward, there, None, cv2.INTER_LINEAR)
        agree = ((forward + returned) ** 2).sum(-1) < 0.01 * (
            (forward**2).sum(-1) + (returned**2).sum(-1)
        ) + 0.5
        warped = cv2.remap(frames[t + 1], there, None, cv2.INTER_LINEAR)
        difference = (frames[t].astype(np.float64) - warped) ** 2
        errors.append(difference[region[t] & agree].ravel())
    return float(np.concatenate(errors).mean())


def border_steps(frames: U8, region: Bools, width: int = 3) -> NDArray[np.float64]:
    """ΔE2000 between just inside and just outside the region's border, one value per frame."""
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    steps = []
    for frame, inside in zip(frames, region, strict=True):
        mask = inside.astype(np.uint8)
        inner = inside & (cv2.erode(mask, kernel) == 0)
        outer = ~inside & (cv2.dilate(mask, kernel) > 0)
        lab = rgb2lab(frame)
        smooth = [
            cv2.GaussianBlur(lab * m[..., None], (0, 0), width)
            / np.maximum(cv2.GaussianBlur(m.astype(np.float64), (0, 0), width), 1e-6)[..., None]
            for m in (inner, outer)
        ]
        edge = inner & (cv2.dilate(outer.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
        steps.append(float(np.median(deltaE_ciede2000(smooth[0][edge], smooth[1][edge]))))
    return np.array(steps)
