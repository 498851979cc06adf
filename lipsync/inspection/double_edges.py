"""Edges that appear twice: of the chin and of the brows.

A ghost adds to every edge a second one, a fixed step beside it. In the spectrum of the gradient
across such edges this makes a ripple, whose period tells the step: however soft the edges are, and
although the two can seldom be told apart. What camera and encoder do to the spectrum is known from
other edges of the same face.

Symbols: n profiles across an edge, s samples along each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from lipsync.inspection.face_view import VIEW, FaceView
from lipsync.inspection.measures import Measure
from lipsync.types import F32, F64

STEP = 0.009  # between samples along a profile, outer-eye distances
GHOSTS = (0.035, 0.04, 0.045, 0.05, 0.055, 0.06, 0.065, 0.07, 0.075, 0.08, 0.085, 0.09)
# Normals along the jaw line, and how many at either end are left out: those of the chin remain,
# which a shift up or down moves across itself.
NORMALS, ENDS = 61, 18
REACH = 0.15  # of a normal to both sides, outer-eye distances
AVERAGED = 3  # neighboring profiles: what they have in common is an edge and no texture
COLUMN_STEP = 0.03  # outer-eye distances
# Left, right, top, bottom of what other profiles run down, canonical.
BROWS, EYES_AND_NOSE, MOUTH = (
    (-0.56, 0.56, -0.4, -0.1),
    (-0.45, 0.46, -0.3, 0.6),
    (-0.45, 0.46, 0.6, 1.1),
)
# Cycles per outer-eye distance: slower ones are the shape of the face; faster ones than these, or
# than a share of the pixels, are noise.
SLOWEST, FASTEST, FASTEST_SHARE = 3.0, 25.0, 0.45
LENGTH = 256  # of the Fourier transform
FLOOR = 0.05  # levels², of a spectrum: weaker waves are noise


class DoubleEdgesWatch:
    """Watches for ghosts of chin and brows."""

    measures: Sequence[Measure] = (
        Measure("double_edges.chin", "ripple of a second edge across the chin", "high"),
        Measure("double_edges.brows", "ripple of a second edge across the brows", "high"),
    )

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame."""
        chin, brows, eyes, mouth = (
            log_spectrum(_sample(view.luma, points))
            for points in (
                chin_normals(view),
                *(columns(view, *box) for box in (BROWS, EYES_AND_NOSE, MOUTH)),
            )
        )
        return {
            "double_edges.chin": ripple(chin - eyes, view.scale),
            "double_edges.brows": ripple(brows - mouth, view.scale),
        }


def chin_normals(view: FaceView) -> F32:
    """Points along the normals of the chin's outline, (n, s, 2) view pixels."""
    line = view.outline[:-1]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, along[-1], NORMALS)
    points = np.stack([np.interp(at, along, line[:, c]) for c in (0, 1)], -1)
    tangent = np.gradient(cv2.GaussianBlur(points, (1, 0), 0, sigmaY=2.0), axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], -1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    offsets = np.arange(-REACH, REACH, STEP) * view.scale
    rays = points[:, None] + offsets[:, None] * normal[:, None]
    return np.asarray(rays[ENDS:-ENDS], np.float32)


def columns(view: FaceView, left: float, right: float, top: float, bottom: float) -> F32:
    """Points down some columns of the face, (n, s, 2) view pixels; bounds canonical."""
    x, y = np.arange(left, right, COLUMN_STEP), np.arange(top, bottom, STEP)
    grid = np.stack(np.broadcast_arrays(x[:, None], y[None]), -1)
    return np.asarray((grid - np.array(VIEW[:2])) * view.scale, np.float32)


def log_spectrum(profiles: F32) -> F64:
    """Log of the mean power of the gradients of profiles (n, s), (LENGTH / 2 + 1,)."""
    mean = cv2.blur(profiles, (1, AVERAGED), borderType=cv2.BORDER_REPLICATE)
    gradients = np.gradient(mean, axis=1) * np.hanning(mean.shape[1])
    power = np.abs(np.fft.rfft(gradients, LENGTH, axis=1)) ** 2
    return np.asarray(np.log(power.mean(0) + FLOOR))


def ripple(spectrum: F64, scale: float) -> float:
    """Height of the strongest ripple in a log spectrum, beside its slope.

    Args:
        scale: pixels per outer-eye distance.
    """
    frequency = np.fft.rfftfreq(LENGTH, STEP)
    fastest = min(FASTEST, FASTEST_SHARE * scale)
    used = (frequency >= SLOWEST) & (frequency <= fastest)
    fits = _ripple_fits(int(np.argmax(used)), int(used.sum()))
    return float((fits @ spectrum[used]).max())


@lru_cache(maxsize=4)
def _ripple_fits(first: int, count: int) -> F64:
    """(GHOSTS, count): from a log spectrum to the least-squares ripple of every ghost."""
    frequency = np.fft.rfftfreq(LENGTH, STEP)[first : first + count]
    fits = []
    for step in GHOSTS:
        wave = np.cos(2 * np.pi * frequency * step)
        basis = np.stack([np.ones(count), frequency / frequency[-1], wave], -1)
        fits.append(np.linalg.pinv(basis)[-1])
    return np.stack(fits)


def _sample(picture: F32, points: F32) -> F32:
    return np.asarray(
        cv2.remap(picture, points, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )
