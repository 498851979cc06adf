"""A portrait photograph as a puppet: lips, jaw, eyelids and head follow tracks.

The picture is cut along the lips. What lies above the mouth line and what lies below it are two
thin-plate warps of the same photograph, so that the lips can close on each other or part without
tearing. Between them the inside of the mouth is painted: dark, a hint of tongue, and over it the
photograph's own upper teeth, which stay where they are (they belong to the skull).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator, griddata
from scipy.ndimage import gaussian_filter

from lipsync.face.thin_plate import ThinPlate

Floats = NDArray[np.floating]

# MediaPipe's lip contours from the image's left corner to the right one.
OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
# (upper, lower) lids of the image's left and right eye, from left to right.
EYELIDS = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
JAW = (132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361)
STILL = (1, 2, 98, 327, 195, 168, 33, 133, 362, 263, 50, 280, 118, 347, 36, 266, 234, 454, 127, 356)
# Where the 18 lip points (iBUG order without inner corners) sit on those contours.
SPOTS = {
    OUTER_UPPER: ((0, 0), (2, 1), (4, 2), (5, 3), (6, 4), (8, 5), (10, 6)),
    OUTER_LOWER: ((0, 0), (2, 11), (4, 10), (5, 9), (6, 8), (8, 7), (10, 6)),
}
INNER_SPOTS = ((4, 12, 17), (5, 13, 16), (6, 14, 15))  # contour index, upper point, lower point

# The portrait's mouth at rest: closed, still a little friendly. Its photograph shows a broad smile,
# so this is a choice, made by eye (outer-eye distances, canonical mouth space).
REST = np.array(
    [
        (-0.290, 0.700), (-0.210, 0.676), (-0.083, 0.655), (0.003, 0.668), (0.087, 0.652),
        (0.214, 0.666), (0.293, 0.687), (0.218, 0.790), (0.096, 0.853), (0.004, 0.866),
        (-0.089, 0.857), (-0.213, 0.800), (-0.080, 0.741), (0.003, 0.749), (0.083, 0.738),
        (0.083, 0.741), (0.003, 0.752), (-0.080, 0.744),
    ],
    np.float32,
)  # fmt: skip


@dataclass(frozen=True)
class Pose:
    """One frame's motion besides the lips. Angles in degrees, shifts in outer-eye distances."""

    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    blink: float = 0.0  # 0 open, 1 closed


@dataclass(frozen=True)
class _Arcs:
    """A mouth's four contours, each (11, 2) pixels from left to right."""

    outer_upper: Floats
    outer_lower: Floats
    inner_upper: Floats
    inner_lower: Floats


class Portrait:
    """Renders a photograph with other lips, another pose and lids.

    Args:
        photo: (h, w, 3) RGB, already at the size of the result or larger.
        points: (478, 3) MediaPipe landmarks in its pixels.
        window: x, y, width, height of the part of the photograph that is shown.
    """

    def __init__(
        self, photo: NDArray[np.uint8], points: Floats, window: tuple[int, int, int, int]
    ) -> None:
        self._photo, self._window = photo, window
        self._points = points[:, :2].astype(np.float64)
        left, right = self._points[33], self._points[263]
        self._unit = float(np.linalg.norm(right - left))
        self._origin = (left + right) / 2
        across = (right - left) / self._unit
        self._axes = np.array([across, (-across[1], across[0])])  # canonical → photo, rows
        self._arcs = self._photo_arcs()
        self._teeth = self._find_teeth()
        self._depth, self._head = self._find_depth(points)

    def frame(self, lips: Floats, pose: Pose) -> NDArray[np.uint8]:
        """The window's picture with the mouth at `lips` (18, 2), canonical."""
        x, y = self._unpose(pose)
        y = self._unblink(x, y, pose.blink)
        arcs = self._wanted_arcs(lips)
        jaw = 0.75 * max(0.0, float(lips[16, 1] - REST[16, 1])) * self._unit
        upper = self._sample(self._photo, *self._warp(arcs, jaw, x, y, upper=True))
        lower = self._sample(self._photo, *self._warp(arcs, jaw, x, y, upper=False))
        top, bottom, inside = _gap(arcs, x)
        # Beyond the corners both warps nearly agree: cross over gently there, sharply between.
        softness = np.where(inside > 0, 0.7, 0.7 - 0.35 * inside)
        share = _step((y - (top + bottom) / 2) / softness + 0.5)[..., None]
        skin = upper * (1 - share) + lower * share
        cavity = self._cavity(x, y, top, bottom)
        edge = np.minimum(y - top, bottom - y) / 1.6 + 0.5
        alpha = (_step(edge) * _step(inside / 5.0))[..., None]
        return np.clip(skin * (1 - alpha) + cavity * alpha + 0.5, 0, 255).astype(np.uint8)

    # -- the photograph's own geometry ---------------------------------------------------------

    def _photo_arcs(self) -> _Arcs:
        p = self._points
        # The inner contours lie on the edge of the teeth: step on to the lips, so that closed
        # lips do not show a bright seam.
        step = 0.012 * self._unit * np.sin(np.linspace(0, np.pi, 11))[:, None] ** 0.5
        down = self._axes[1] * step
        return _Arcs(
            p[list(OUTER_UPPER)],
            p[list(OUTER_LOWER)],
            p[list(INNER_UPPER)] - down,
            p[list(INNER_LOWER)] + down,
        )

    def _find_teeth(self) -> NDArray[np.float32]:
        """How much of each photo pixel is tooth, 0..1: bright, inside the photographed mouth."""
        polygon = self._points[[*INNER_UPPER, *INNER_LOWER[-2:0:-1]]]
        inside = np.zeros(self._photo.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.round(polygon * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        green = self._photo[..., 1].astype(np.float32)  # gums and lips are dark in green
        bright = np.clip((green - 95) / 60, 0, 1)
        return gaussian_filter(bright * inside / 255, 0.7).astype(np.float32)

    def _find_depth(self, points: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pixels toward the viewer, and how much of each photo pixel moves with the head."""
        h, w = self._photo.shape[:2]
        step = 8
        gy, gx = np.mgrid[0:h:step, 0:w:step]
        near = griddata(points[:, :2], -points[:, 2], (gx, gy), "linear", fill_value=np.nan)
        near = np.where(np.isnan(near), np.nanmin(near), near)
        near = gaussian_filter(near, 0.12 * self._unit / step)
        x = (gx - self._origin[0]) / self._unit
        y = (gy - self._origin[1]) / self._unit
        sideways = 1 - _step((np.abs(x) - 1.25) / 0.85)
        downwards = 1 - _step((y - 1.15) / 0.85)
        size = (w, h)
        depth = cv2.resize(near.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
        head = cv2.resize((sideways * downwards).astype(np.float32), size)
        return depth, head

    # -- from a result's pixel back to the photograph ------------------------------------------

    def _unpose(self, pose: Pose) -> tuple[Floats, Floats]:
        """Photo coordinates (before lips and lids move) of every pixel of the window."""
        left, top, width, height = self._window
        x, y = np.meshgrid(np.arange(left, left + width), np.arange(top, top + height))
        x, y = x.astype(np.float32), y.astype(np.float32)
        pivot = self._origin + self._axes[1] * 1.7 * self._unit  # the neck
        a = np.exp(1j * np.radians(pose.roll)) * pose.zoom
        z = (x - pivot[0] - pose.shift[0] * self._unit) + 1j * (
            y - pivot[1] - pose.shift[1] * self._unit
        )
        z = z / a
        dx = z.real + pivot[0] - x - np.sin(np.radians(pose.yaw)) * self._depth_at(x, y)
        dy = z.imag + pivot[1] - y + np.sin(np.radians(pose.pitch)) * self._depth_at(x, y)
        with_head = self._sample(self._head, x + dx, y + dy)
        return (x + with_head * dx).astype(np.float32), (y + with_head * dy).astype(np.float32)

    def _depth_at(self, x: Floats, y: Floats) -> Floats:
        return self._sample(self._depth, x, y)

    def _unblink(self, x: Floats, y: Floats, blink: float) -> Floats:
        """Slide the skin above the eye down over it; the eye itself stays."""
        if blink <= 0:
            return y
        high, rim = 0.12 * self._unit, 0.03 * self._unit
        for upper, lower in EYELIDS:
            lid, floor = self._points[list(upper)], self._points[list(lower)]
            known = (x >= lid[0, 0]) & (x <= lid[-1, 0])
            edge = np.interp(x, lid[:, 0], lid[:, 1])
            moved = edge + 0.96 * blink * (np.interp(x, floor[:, 0], floor[:, 1]) - edge)
            start = edge - high
            # The rim with its lashes slides as it is, the skin above it stretches.
            share = (y - start) / np.maximum(moved - rim - start, 1e-3)
            stretched = start + share * (high - rim)
            source = np.where(y > moved - rim, y - (moved - edge), stretched)
            y = np.where(known & (y > start) & (y < moved), source, y)
        return y.astype(np.float32)

    def _warp(
        self, arcs: _Arcs, jaw: float, x: Floats, y: Floats, *, upper: bool
    ) -> tuple[Floats, Floats]:
        """Photo coordinates of the half of the face that belongs to one lip."""
        names = ("outer_upper", "inner_upper") if upper else ("outer_lower", "inner_lower")
        chin = self._points[list(JAW)]
        along = np.linspace(-1, 1, len(JAW))[:, None]
        dropped = chin + self._axes[1] * jaw * np.cos(along * np.pi / 2) ** 1.5
        still = self._points[list(STILL)]
        neck = chin[4:-4] + self._axes[1] * 0.42 * self._unit
        source = [getattr(self._arcs, n) for n in names] + [chin, still, neck]
        wanted = [getattr(arcs, n) for n in names] + [dropped, still, neck]
        step = 4
        h, w = x.shape
        rows, columns = np.arange(0, h + step, step), np.arange(0, w + step, step)
        coarse = np.ix_(np.minimum(rows, h - 1), np.minimum(columns, w - 1))
        at = np.stack([x[coarse], y[coarse]], -1).reshape(-1, 2)
        scale = self._unit
        plate = ThinPlate(
            (np.concatenate(wanted) / scale).astype(np.float32),
            (at / scale).astype(np.float32),
            smoothing=1e-4,
        )
        # Displacements rather than places: far from all points nothing should move.
        moved = np.concatenate(source) - np.concatenate(wanted)
        field = plate.map_to(moved.astype(np.float32)).reshape(len(rows), len(columns), 2)
        gx, gy = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        fine = cv2.remap(field, gx / step, gy / step, cv2.INTER_LINEAR)
        fade = 1 - _step((np.abs(x - self._origin[0]) / scale - 0.75) / 0.5)
        fade = fade * (1 - _step((y - self._origin[1]) / scale - 1.25) / 0.4)
        fine = fine * np.clip(fade, 0, 1)[..., None]
        return x + fine[..., 0], y + fine[..., 1]

    # -- the mouth ---------------------------------------------------------------------------

    def _wanted_arcs(self, lips: Floats) -> _Arcs:
        """The four contours (photo pixels) that belong to 18 lip points."""
        wanted = self._origin + (lips.astype(np.float64) * self._unit) @ self._axes
        own = self._arcs
        outer = []
        for arc, spots in SPOTS.items():
            photo = self._points[list(arc)]
            at = [i for i, _ in spots]
            move = wanted[[j for _, j in spots]] - photo[at]
            outer.append(photo + PchipInterpolator(at, move)(np.arange(11)))
        narrow = (wanted[6] - wanted[0]) @ self._axes[0] / np.ptp(own.outer_upper[:, 0])
        upper, lower = own.inner_upper, own.inner_lower
        middle, half = (upper + lower) / 2, (lower - upper) / 2
        at, ratio, move = [], [], []
        for i, u, b in INNER_SPOTS:
            at.append(i)
            gap = float((wanted[b] - wanted[u]) @ self._axes[1])
            ratio.append(max(gap, 0.0) / float(2 * half[i] @ self._axes[1]))
            move.append((wanted[u] + wanted[b]) / 2 - middle[i])
        # The inner corners keep their distance from the outer ones.
        corners = [
            outer[0][0] + (upper[0] - own.outer_upper[0]) * narrow,
            outer[0][-1] + (upper[-1] - own.outer_upper[-1]) * narrow,
        ]
        moves = np.array([corners[0] - middle[0], *move, corners[1] - middle[-1]])
        center = middle + PchipInterpolator([0, *at, 10], moves)(np.arange(11))
        spread = half * np.interp(np.arange(11), at, ratio)[:, None]
        return _Arcs(outer[0], outer[1], center - spread, center + spread)

    def _cavity(self, x: Floats, y: Floats, top: Floats, bottom: Floats) -> Floats:
        """The inside of the mouth, (h, w, 3): tongue in the dark behind the upper teeth."""
        unit = self._unit
        tongue = _step((y - (bottom - 0.05 * unit)) / (0.05 * unit))[..., None]
        dark, flesh = np.array([34.0, 13, 12]), np.array([104.0, 48, 46])
        inside = dark * (1 - tongue) + flesh * tongue * 0.8 + dark * tongue * 0.2
        teeth = self._sample(self._teeth, x, y)[..., None]
        picture = self._sample(self._photo, x, y)
        # The upper lip throws its shadow on the teeth.
        light = 0.68 + 0.3 * _step((y - top) / (0.055 * unit))[..., None]
        return inside * (1 - teeth) + picture * light * teeth

    @staticmethod
    def _sample(image: NDArray[np.generic], x: Floats, y: Floats) -> Floats:
        kind = cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR
        return cv2.remap(
            image,
            np.asarray(x, np.float32),
            np.asarray(y, np.float32),
            kind,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)


def _step(x: Floats) -> Floats:
    """0 below 0, 1 above 1, smooth between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _gap(arcs: _Arcs, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Upper and lower edge of the gap at every x, and pixels from the nearer corner inwards."""
    u, b = arcs.inner_upper, arcs.inner_lower
    left, right = u[0, 0], u[-1, 0]
    grid = np.linspace(left, right, 257)
    top = PchipInterpolator(*_rising(u))(grid)
    bottom = PchipInterpolator(*_rising(b))(grid)
    inside = np.minimum(x - left, right - x)
    return np.interp(x, grid, top), np.interp(x, grid, bottom), inside


def _rising(arc: Floats) -> tuple[Floats, Floats]:
    """x and y of an arc with x made strictly increasing (rounded lips may fold at the corners)."""
    x = np.maximum.accumulate(arc[:, 0] + np.arange(len(arc)) * 1e-3)
    x = x + np.arange(len(arc)) * 1e-6
    return x, arc[:, 1]
