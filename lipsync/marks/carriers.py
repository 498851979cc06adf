"""Carriers of the watermark: 72 orthonormal pictures of the lower face, in the canonical space.

Every carrier is a different mixture of all waves of the mark's band, over all of the region: what
loses a wave or covers a part of the face weakens all of them a little and none of them much. They
are computed from a digest and are the same on every machine: marks of today stay readable.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from lipsync.runtime.numeric import smoothstep
from lipsync.types import F32, F64

COUNT = 72
GRID_SCALE = 64  # cells of the grid per outer-eye distance
LEFT, TOP = -0.625, 0.56  # of the grid, outer-eye distances
COLUMNS, ROWS = 80, 48
# Waves per outer-eye distance. Longer ones are drowned by the face's own shading and its motion;
# shorter ones are lost in small faces (at 64 px between the eyes the shortest has 7 px) and in
# strong compression.
LEAST_WAVES, MOST_WAVES = 5.0, 9.5
# The part of the lower face that masks of new mouths cover, on people of all poses: from below the
# nose down to a parabola along the chin. Each edge fades over its width (outer-eye distances).
TOP_EDGE, SIDE_EDGE = (0.57, 0.07), (0.64, 0.08)
CHIN, CHIN_BEND, CHIN_FADE = 1.27, 1.15, 0.12
# How often the mixtures are confined to the region and to the band in turn: more would draw all of
# them to its middle, fewer leave them half outside.
CONFINED = 2
_NAME = b"lipsync watermark 1"  # another name would be another mark


@dataclass(frozen=True, eq=False)
class Carriers:
    """The carriers and their region, on the grid."""

    pictures: F32  # (COUNT, ROWS * COLUMNS), orthonormal rows
    region: F32  # (ROWS, COLUMNS), 0..1


@lru_cache(maxsize=1)
def carriers() -> Carriers:
    """The carriers of the watermark, computed once."""
    region = _region()
    waves = _waves()
    inside = waves * region.ravel()
    confine = inside @ waves.T / region.sum()
    mixtures = _signs(COUNT, len(waves))
    for _ in range(CONFINED):
        mixtures = mixtures @ confine
    pictures = mixtures @ inside
    # The nearest orthonormal set (Löwdin): unlike one of Gram and Schmidt it prefers no carrier,
    # and unlike eigenvectors it does not depend on the machine.
    values, vectors = np.linalg.eigh(pictures @ pictures.T)
    pictures = (vectors / np.sqrt(values)) @ vectors.T @ pictures
    return Carriers(pictures.astype(np.float32), region)


def _waves() -> F64:
    """Cosine waves of the band over the grid, (w, ROWS * COLUMNS), of mean square 1."""
    width, height = COLUMNS / GRID_SCALE, ROWS / GRID_SCALE
    along = (np.arange(COLUMNS) + 0.5) / COLUMNS
    down = (np.arange(ROWS) + 0.5) / ROWS
    waves = []
    for v in range(int(2 * height * MOST_WAVES) + 1):
        for u in range(int(2 * width * MOST_WAVES) + 1):
            if LEAST_WAVES <= np.hypot(u / 2 / width, v / 2 / height) <= MOST_WAVES:
                wave = np.outer(np.cos(np.pi * v * down), np.cos(np.pi * u * along)).ravel()
                waves.append(wave / np.sqrt((wave**2).mean()))
    return np.array(waves)


def _signs(rows: int, columns: int) -> F64:
    """Random signs (rows, columns) that never change: no generator of numpy promises that."""
    digest = hashlib.shake_256(_NAME).digest(-(-rows * columns // 8))
    bits = np.unpackbits(np.frombuffer(digest, np.uint8))[: rows * columns]
    return np.asarray(1.0 - 2.0 * bits.reshape(rows, columns))


def _region() -> F32:
    """How much of the mark each cell of the grid takes, (ROWS, COLUMNS), 0..1."""
    x = LEFT + (np.arange(COLUMNS) + 0.5) / GRID_SCALE
    y = (TOP + (np.arange(ROWS) + 0.5) / GRID_SCALE)[:, None]
    edges = (
        (y - TOP_EDGE[0]) / TOP_EDGE[1],
        (SIDE_EDGE[0] - np.abs(x)) / SIDE_EDGE[1],
        (CHIN - CHIN_BEND * x**2 - y) / CHIN_FADE,
    )
    ramp = np.ones((ROWS, COLUMNS))
    for edge in edges:
        ramp = ramp * np.clip(edge, 0, 1)
    return smoothstep(ramp).astype(np.float32)


def grid_to_frame(to_frame: F32) -> F64:
    """The (2, 3) matrix from cells of the grid (x, y of their centers) to pixels of a frame."""
    linear = to_frame[:, :2].astype(np.float64) / GRID_SCALE
    corner = np.array([LEFT, TOP]) * GRID_SCALE + 0.5
    return np.column_stack([linear, linear @ corner + to_frame[:, 2]])


def grid_box(
    matrix: F64, margin: float, width: int, height: int
) -> tuple[int, int, int, int] | None:
    """x, y, right, bottom of the grid in a frame; None: outside of it, or the face is unknown.

    Args:
        matrix: from `grid_to_frame`.
        margin: around it, pixels.
    """
    if not np.isfinite(matrix).all():
        return None
    columns, rows = COLUMNS - 0.5, ROWS - 0.5
    corners = np.array([[-0.5, columns, -0.5, columns], [-0.5, -0.5, rows, rows], [1, 1, 1, 1]])
    at = matrix @ corners
    left, top = np.maximum(np.floor(at.min(1) - margin), 0)
    right, bottom = np.minimum(np.ceil(at.max(1) + margin) + 1, [width, height])
    if right - left < 1 or bottom - top < 1:
        return None
    return int(left), int(top), int(right), int(bottom)


def view_of(luma: F32, matrix: F64) -> F32:
    """The lower face of a picture (h, w) on the grid, (ROWS, COLUMNS).

    Args:
        matrix: from the grid to the picture.
    """
    reduction = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))  # pixels per cell
    if reduction > 1:  # finer detail would appear as coarse
        luma = cv2.GaussianBlur(luma, (0, 0), 0.5 * np.sqrt(reduction**2 - 1) + 1e-3)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(luma, matrix, (COLUMNS, ROWS), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    )
