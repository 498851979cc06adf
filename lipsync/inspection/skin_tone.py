"""Skin tone across the border of the lower face and of the whole face.

Along the border, skin just inside is compared with skin just outside, in CIE Lab. Light changes the
tone of skin from place to place as well; so what counts is the step at the border beyond the slopes
on its two sides, and only what all parts of the border have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.color import deltaE_ciede2000

from lipsync.inspection.face_view import FaceView
from lipsync.inspection.measures import Measure
from lipsync.inspection.shared_work import Detail, SharedWork, canonical_grid, log_ratio
from lipsync.types import F32, F64, U8, Bools

# Edges of the four rings, outer-eye distances from the border, inside negative: equally far apart.
RINGS = (-0.17, -0.1, -0.035, 0.035, 0.1, 0.17)
PARTS = 6  # of a border, from left to right
LEAST = 5  # pixels of a ring in a part of the border
FLOOR = 0.5  # ΔE: half of what is just noticeable
MEMORY = 0.9  # of the running mean of the lower face's color, per frame
NEUTRAL = np.array([0, 128, 128], np.float32)  # luma, red and blue difference of black
INSIDE = 0.17  # outer-eye distances inside the face's outline: what is no edge of the face
DEEP = 0.18  # outer-eye distances inside the face's outline
# The neck: distance from the face, half its width and its top; outer-eye distances.
NECK, NECK_X, NECK_Y = (0.12, 0.4), 0.35, 1.2
NECK_LEAST = 0.5  # of the face's brightness: darker is a collar
COLOR_LEAST = 8.0  # levels of chroma: paler is a collar
TONE_SCALE = 45.0  # pixels per outer-eye distance at which colors are looked at


class SkinToneWatch:
    """Watches the color of the skin inside and outside of borders."""

    measures: Sequence[Measure] = (
        Measure("skin_tone.step", "step of the color at the lower face's border", "high"),
        Measure("skin_tone.ratio", "step at the border against the change on its sides", "high"),
        Measure("skin_tone.hue", "hue of the face against that of neck and shadows", "both"),
        Measure("skin_tone.drift", "wandering of the lower face's color", "high"),
        Measure("skin_tone.drift_worst", "the same, in the worst frames", "high", 0.9),
    )

    def __init__(self, work: SharedWork) -> None:
        self._work = work
        self._mean: F32 | None = None
        self._last: FaceView | None = None

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame."""
        tones = Tones.of(view, self._work.detail(view))
        values = tones.at_border()
        values["skin_tone.hue"] = tones.hue_apart()
        chin, cheeks = tones.median(tones.chin), tones.median(tones.cheeks)
        if before is None or before is not self._last or self._mean is None:
            self._mean = chin - cheeks
        else:
            drift = float(np.linalg.norm(chin - cheeks - self._mean))
            drift = float(np.log(drift + 0.1))
            values |= {"skin_tone.drift": drift, "skin_tone.drift_worst": drift}
            self._mean = MEMORY * self._mean + (1 - MEMORY) * (chin - cheeks)
        self._last = view
        return values


@dataclass(frozen=True, eq=False)
class Tones:
    """The colors of a view, reduced: grain is no tone."""

    rgb: U8  # (h, w, 3)
    ycc: F32  # (h, w, 3), luma, red and blue difference, levels
    scale: float  # pixels per outer-eye distance
    chin: Bools
    cheeks: Bools
    from_lower: F32  # (h, w), pixels from the border of the lower face, inside negative
    from_face: F32  # (h, w), pixels from the outline of the face, inside negative
    face: Bools  # without the mouth
    inside: Bools

    @staticmethod
    def of(view: FaceView, detail: Detail) -> Tones:
        """Of a view."""
        zoom = min(TONE_SCALE / view.scale, 1.0)
        height, width = view.picture.shape[:2]
        size = round(width * zoom), round(height * zoom)
        small = cv2.resize(view.picture, size, interpolation=cv2.INTER_AREA)

        def reduce(mask: Bools) -> Bools:
            few = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            return np.asarray(few > 0)

        return Tones(
            rgb=np.asarray(small, np.uint8),
            ycc=cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32) - NEUTRAL,
            scale=view.scale * zoom,
            chin=reduce(detail.chin),
            cheeks=reduce(detail.cheeks),
            from_lower=_signed_distance(reduce(view.lower)),
            from_face=_signed_distance(reduce(view.face)),
            face=reduce(view.face & ~view.mouth),
            inside=reduce(view.inside),
        )

    def at_border(self) -> dict[str, float]:
        """Steps at the border of the lower face."""
        # Where the border of the lower face is the jaw line, it is an edge by itself.
        tones = self._rings(self.from_lower, self.face & (self.from_face < -INSIDE * self.scale))
        step = common_step(tones)
        return {
            "skin_tone.step": _log_size(step[1:]),
            "skin_tone.ratio": step_ratio(tones),
        }

    def hue_apart(self) -> float:
        """By how much the face's color lies off the neck's and the shadows' hue, levels.

        Skin of a person has one hue, more of it or less: on the neck, and in the dark parts of the
        face, which without light have no color. A face of another camera or with a wrong color
        match is off that line. Known from neck or shadows alone if need be.
        """
        x, y = canonical_grid(self.rgb.shape[:2], self.scale)
        deep = (self.from_face < -DEEP * self.scale) & self.face
        near = (self.from_face > NECK[0] * self.scale) & (self.from_face < NECK[1] * self.scale)
        neck = near & (np.abs(x) < NECK_X) & (y > NECK_Y) & self.inside
        face = np.median(self.ycc[deep], axis=0) if deep.sum() >= LEAST else np.full(3, np.nan)
        off = [_off_line(_shadow_color(self.ycc[deep]), face[1:])]
        if neck.sum() >= LEAST:
            skin = np.median(self.ycc[neck], axis=0)
            if skin[0] > NECK_LEAST * face[0] and np.hypot(*skin[1:]) > COLOR_LEAST:
                off.append(_off_line(face[1:], skin[1:]))
        return float(np.mean(off))

    def median(self, region: Bools) -> F32:
        """Median color (3,) of a region, CIE Lab; NaN where it has too few pixels."""
        inside = self.rgb[region]
        if len(inside) < LEAST:
            return np.full(3, np.nan, np.float32)
        return to_lab(np.median(inside, axis=0))

    def _rings(self, distance: F32, where: Bools) -> F32:
        return ring_tones(self.rgb, distance / np.float32(self.scale), where)


def _shadow_color(colors: F32) -> F32:
    """Red and blue difference (2,) that the darker half of colors (n, 3) tends to at black."""
    if len(colors) < LEAST:
        return np.full(2, np.nan, np.float32)
    dark = colors[colors[:, 0] <= np.median(colors[:, 0])]
    basis = np.stack([np.ones(len(dark)), dark[:, 0]], -1)
    return np.asarray(np.linalg.lstsq(basis, dark[:, 1:], rcond=None)[0][0], np.float32)


def _off_line(color: F32, line: F32) -> float:
    """How far a color (red, blue difference) lies off the line to another, to the red and blue."""
    return float((color[1] * line[0] - color[0] * line[1]) / (np.hypot(*line) + 1e-6))


def _signed_distance(mask: Bools) -> F32:
    outside = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(outside - cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 3))


def _log_size(difference: F32) -> float:
    """Logarithm of a difference of colors, ΔE."""
    return float(np.log(np.linalg.norm(difference) + FLOOR))


def to_lab(colors: F64) -> F32:
    """CIE Lab of some RGB colors (..., 3), 0..255; NaN stays."""
    flat = (colors.reshape(-1, 1, 3) / 255).astype(np.float32)
    lab = cv2.cvtColor(flat, cv2.COLOR_RGB2Lab).reshape(colors.shape)
    return np.asarray(np.where(np.isfinite(colors), lab, np.nan), np.float32)


def ring_tones(rgb: U8, distance: F32, where: Bools) -> F32:
    """Mean colors (PARTS, 4, 3), CIE Lab, of four rings around a border; NaN: there is no skin.

    Args:
        distance: (h, w), from the border, outer-eye distances, inside negative.
    """
    near = np.abs(distance) <= RINGS[-1]
    rows, columns = np.nonzero(near & where)
    if not len(columns):
        return np.full((PARTS, len(RINGS) - 2, 3), np.nan, np.float32)
    ring = np.searchsorted(RINGS, distance[rows, columns]) - 1
    part = np.clip(PARTS * (columns - columns.min()) // (np.ptp(columns) + 1), 0, PARTS - 1)
    cell = part * (len(RINGS) - 1) + np.clip(ring, 0, len(RINGS) - 2)
    cells = PARTS * (len(RINGS) - 1)
    count = np.bincount(cell, minlength=cells)
    colors = rgb[rows, columns].T
    sums = np.stack([np.bincount(cell, weights=one, minlength=cells) for one in colors], -1)
    sums[count < LEAST] = np.nan
    means = (sums / np.maximum(count, 1)[:, None]).reshape(PARTS, len(RINGS) - 1, 3)
    return to_lab(means[:, [0, 1, 3, 4]])


def common_step(tones: F32) -> F32:
    """The step (3,) at a border that all its parts share, beyond the slopes on both sides."""
    across = tones[:, 2] - tones[:, 1]
    slope = (tones[:, 1] - tones[:, 0] + tones[:, 3] - tones[:, 2]) / 2
    steps = (across - 2 * slope)[np.isfinite(tones).all((1, 2))]
    return np.median(steps, axis=0) if len(steps) >= 2 else np.full(3, np.nan, np.float32)


def step_ratio(tones: F32) -> float:
    """Log ratio of ΔE across a border to ΔE between neighboring rings on its sides."""
    known = tones[np.isfinite(tones).all((1, 2))]
    if len(known) < 2:
        return float("nan")
    inner, across, outer = deltaE_ciede2000(known[:, :-1], known[:, 1:]).T
    return log_ratio(float(np.median(across)) + FLOOR, float(np.median(inner + outer)) + FLOOR)
