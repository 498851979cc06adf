"""Metrics of docs/benchmarks/quality.md, from pictures alone.

Symbols: n frames of h × w pixels; `region` (n, h, w) bool is where the mouth was replaced, the same
for every row of a table; `touched` (n, h, w) bool is every pixel that was altered at all; `scale`
(n,) is pixels per outer-eye distance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

MARGIN_PX = 24  # around the evaluated area: more than the filters reach
RING_PX = 3  # on either side of the region's border
# Edges along the normals to the jaw line: reach of the profiles to either side, their smoothing and
# sampling step (outer-eye distances), and the change (levels per step) that counts as an edge.
GHOST_REACH, GHOST_SMOOTH, PROFILE_STEP, EDGE_LEVELS = 0.12, 0.012, 0.004, 2.0
GHOST_TOLERANCE = 2  # normals, of 60: effect of noise
SHARP_BAND = (
    0.01,
    0.03,
)  # outer-eye distances: σ of the two Gaussians whose difference is looked at


@dataclass(frozen=True)
class PictureMetrics:
    """Metrics of one clip in one row."""

    psnr: float  # dB in the region
    ssim: float  # mean over the region
    ssim_touched: float  # … over everything that was altered at all
    sharpness: float  # variance of the Laplacian in the region, result / original
    band: float  # standard deviation of the band of lip and tooth edges, result / original
    flicker: float  # E_warp with the original's flow, result / original
    border: float  # ΔE2000 to the original along the region's border, median
    border_95: float  # … 95th percentile
    step: float  # ΔE2000 from inside to outside of the border, result minus original, median
    ghosts: float  # share of frames with no more double edges at the jaw than the original

    @staticmethod
    def mean(rows: list[PictureMetrics]) -> PictureMetrics:
        names = [f.name for f in fields(PictureMetrics)]
        return PictureMetrics(*(float(np.nanmean([getattr(r, n) for r in rows])) for n in names))


class Reference:
    """An original clip, with everything that its comparison with every row needs."""

    def __init__(self, original: U8, region: Bools, touched: Bools, jaw: F32, scale: F32) -> None:
        """Args:
        jaw: (n, k, 2) points along the jaw line, pixels.
        """
        # Crop to the reach of the jaw line's normals and of the filters.
        self._box = bounding_box(touched, jaw, MARGIN_PX + GHOST_REACH * float(scale.max()))
        corner = np.array([self._box[1].start, self._box[0].start], np.float32)
        whole, original, region = original, self._crop(original), self._crop(region)
        self.original, self.region, self.scale = original, region, scale
        self.touched = self._crop(touched)
        self.jaw = np.asarray(jaw - corner, np.float32)
        # Flow of the whole frames: that of a crop differs at its borders.
        self._flows = [(at[self._box] - corner, ok[self._box]) for at, ok in optical_flows(whole)]
        self._sharpness = sharpness(original, region)
        self._band = band_contrast(original, region, scale)
        self._flicker = self._warping_error(original)
        self._rings = [border_ring(inside) for inside in region]
        self._lab = [rgb2lab(f) for f in original]
        self._step = np.array([border_step(f, r) for f, r in zip(self._lab, region, strict=True)])
        self._ghosts = self._double_edges(original)

    def measure(self, result: U8) -> PictureMetrics:
        """Compare a result (n, h, w, 3) with the original."""
        region, result = self.region, self._crop(result)
        error = (self.original.astype(np.float64) - result)[region]
        labs = [rgb2lab(f) for f in result]
        deviation = np.concatenate(
            [
                deltaE_ciede2000(a[where], b[where])
                for a, b, where in zip(self._lab, labs, self._rings, strict=True)
            ]
        )
        steps = np.array([border_step(f, r) for f, r in zip(labs, region, strict=True)])
        similarity = np.array(
            [
                ssim(a, b, where, all_of)
                for a, b, where, all_of in zip(
                    self.original, result, region, self.touched, strict=True
                )
            ]
        )
        return PictureMetrics(
            psnr=float(10 * np.log10(255**2 / max(float(np.mean(error**2)), 1e-9))),
            ssim=float(similarity[:, 0].mean()),
            ssim_touched=float(similarity[:, 1].mean()),
            sharpness=sharpness(result, region) / self._sharpness,
            band=band_contrast(result, region, self.scale) / self._band,
            flicker=self._warping_error(result) / self._flicker,
            border=float(np.median(deviation)),
            border_95=float(np.percentile(deviation, 95)),
            step=float(np.median(steps - self._step)),
            ghosts=float(np.mean(self._double_edges(result) <= self._ghosts + GHOST_TOLERANCE)),
        )

    def _crop(self, frames: np.ndarray) -> np.ndarray:
        return frames[:, self._box[0], self._box[1]]

    def _warping_error(self, frames: U8) -> float:
        """Warping error E_warp: mean squared difference of a frame and the next one warped onto it.

        Uses the optical flow of the original; pixels where forward and backward flow disagree
        (occlusion) are ignored.
        """
        errors = []
        for t, (there, agree) in enumerate(self._flows):
            warped = cv2.remap(frames[t + 1], there, None, cv2.INTER_LINEAR)
            difference = (frames[t].astype(np.float64) - warped) ** 2
            errors.append(difference[self.region[t] & agree].ravel())
        return float(np.concatenate(errors).mean())

    def _double_edges(self, frames: U8) -> NDArray[np.int64]:
        """Number of normals to the jaw line that cross more than one edge, (n,)."""
        return np.array(
            [
                count_double_edges(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), points, float(s))
                for f, points, s in zip(frames, self.jaw, self.scale, strict=True)
            ]
        )


def bounding_box(region: Bools, jaw: F32, margin: float) -> tuple[slice, slice]:
    """Rows and columns that contain a region and a jaw line, plus a margin (pixels)."""
    rows, columns = (np.flatnonzero(region.any(axis)) for axis in ((0, 2), (0, 1)))
    x, y = jaw[..., 0], jaw[..., 1]
    top, left = min(rows[0], np.nanmin(y)) - margin, min(columns[0], np.nanmin(x)) - margin
    bottom, right = max(rows[-1], np.nanmax(y)) + margin, max(columns[-1], np.nanmax(x)) + margin
    return slice(max(int(top), 0), int(bottom) + 1), slice(max(int(left), 0), int(right) + 1)


def pixel_grid(height: int, width: int) -> F32:
    """Coordinates of the pixels of a picture, (h, w, 2), x and y."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def optical_flows(frames: U8) -> Iterator[tuple[F32, Bools]]:
    """Position of each pixel in the next frame, (h, w, 2), and where it is reliable."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    gray = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]
    h, w = gray[0].shape
    grid = pixel_grid(h, w)
    for t in range(len(frames) - 1):
        forward = finder.calc(gray[t], gray[t + 1], None)
        backward = finder.calc(gray[t + 1], gray[t], None)
        there = grid + forward
        returned = cv2.remap(backward, there, None, cv2.INTER_LINEAR)
        agree = ((forward + returned) ** 2).sum(-1) < 0.01 * (
            (forward**2).sum(-1) + (returned**2).sum(-1)
        ) + 0.5
        yield there, agree


def ssim(original: U8, result: U8, *regions: Bools) -> list[float]:
    """Structural similarity of the luma (Wang et al. 2004, σ 1.5), mean over each region (h, w)."""
    _, values = structural_similarity(
        *(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (original, result)),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
        data_range=255,
    )
    return [float(values[region].mean()) for region in regions]


def sharpness(frames: U8, region: Bools) -> float:
    """Variance of the Laplacian of the luma over the region."""
    values = [
        cv2.Laplacian(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.CV_64F)[r]
        for f, r in zip(frames, region, strict=True)
    ]
    return float(np.var(np.concatenate(values)))


def band_contrast(frames: U8, region: Bools, scale: F32) -> float:
    """Standard deviation of the band SHARP_BAND of the luma: edges, hardly any noise."""
    values = []
    for frame, inside, s in zip(frames, region, scale, strict=True):
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        fine, coarse = (cv2.GaussianBlur(gray, (0, 0), float(k * s)) for k in SHARP_BAND)
        values.append((fine - coarse)[inside])
    return float(np.std(np.concatenate(values)))


def border_ring(inside: Bools) -> Bools:
    """Pixels within RING_PX of the border of a region (h, w)."""
    kernel = np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8)
    mask = inside.astype(np.uint8)
    return np.asarray((cv2.dilate(mask, kernel) > 0) & (cv2.erode(mask, kernel) == 0))


def border_step(lab: NDArray[np.float64], inside: Bools) -> float:
    """Median ΔE2000 between the inside and the outside of a region's border."""
    kernel = np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8)
    mask = inside.astype(np.uint8)
    inner = inside & (cv2.erode(mask, kernel) == 0)
    outer = ~inside & (cv2.dilate(mask, kernel) > 0)
    smooth = [
        cv2.GaussianBlur(lab * m[..., None], (0, 0), RING_PX)
        / np.maximum(cv2.GaussianBlur(m.astype(np.float64), (0, 0), RING_PX), 1e-6)[..., None]
        for m in (inner, outer)
    ]
    edge = inner & (cv2.dilate(outer.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    return float(np.median(deltaE_ciede2000(smooth[0][edge], smooth[1][edge])))


def count_double_edges(gray: U8, jaw: F32, scale: float) -> int:
    """Number of normals to the jaw line (k, 2) with two or more edges: one is the jaw."""
    at = np.linspace(0, len(jaw) - 1, 60)
    points = np.stack([np.interp(at, np.arange(len(jaw)), jaw[:, i]) for i in (0, 1)], -1)
    along = np.gradient(points, axis=0)
    normals = np.stack([-along[:, 1], along[:, 0]], -1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    reach = np.arange(-GHOST_REACH, GHOST_REACH + 1e-9, PROFILE_STEP) * scale
    samples = (points[:, None] + reach[:, None] * normals[:, None]).astype(np.float32)
    profiles = cv2.remap(gray.astype(np.float32), samples, None, cv2.INTER_LINEAR)
    profiles = cv2.GaussianBlur(profiles, (0, 0), sigmaX=GHOST_SMOOTH / PROFILE_STEP, sigmaY=0.8)
    slope = np.abs(np.diff(profiles, axis=1))
    peak = (slope[:, 1:-1] >= slope[:, :-2]) & (slope[:, 1:-1] > slope[:, 2:])
    return int(((peak & (slope[:, 1:-1] > EDGE_LEVELS)).sum(1) >= 2).sum())
