"""Traces of compression in the lower face against the upper, at the frame's own pixels.

Camera and encoder leave faint edges on a grid of blocks. A region that was moved, warped or painted
has them elsewhere or not at all, even after the whole picture is compressed again. One that was
compressed more often than the rest has lost fine coefficients; one that was painted stays, or
changes, where the rest does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.face.similarity import apply_affine
from lipsync.inspection.face_view import FaceView
from lipsync.inspection.measures import Measure
from lipsync.inspection.shared_work import LEAST_PIXELS
from lipsync.media.pixels import fill_polygon
from lipsync.types import F32, Bools

BLOCK = 8  # pixels: of JPEG, MPEG, and half a macroblock of all their followers
MEMORY = 0.97  # per frame, of what block edges add up to
HIGH = 6  # sum of the indices of a block's coefficient from which it is a fine one
ZERO = 0.5  # levels: a smaller coefficient was quantized to nothing
_COSINES = np.array(
    [
        [np.sqrt((1 if k else 0.5) / 4) * np.cos((2 * x + 1) * k * np.pi / 16) for x in range(8)]
        for k in range(8)
    ],
    np.float32,
)


@dataclass(frozen=True, eq=False)
class _Native:
    """The face at the frame's own pixels, its corner on the block grid."""

    view: FaceView
    corner: tuple[int, int]  # x, y
    luma: F32  # (h, w)
    lower: Bools
    upper: Bools

    @staticmethod
    def of(view: FaceView) -> _Native | None:
        """None where the face lies out of the frame."""
        to_frame = cv2.invertAffineTransform(view.to_view)
        hull = apply_affine(to_frame, cv2.convexHull(view.points)[:, 0])
        outline = apply_affine(to_frame, view.outline)
        both = np.concatenate([hull, outline])
        shape = np.array(view.frame.shape[1::-1])
        low = np.clip(np.floor(both.min(0)).astype(int) // BLOCK * BLOCK, 0, shape)
        high = np.clip(np.ceil(both.max(0)).astype(int) + 1, 0, shape)
        if (high - low < 4 * BLOCK).any():
            return None
        part = view.frame[low[1] : high[1], low[0] : high[0]]
        luma = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
        lower = _draw(outline - low, luma.shape)
        upper = _draw(hull - low, luma.shape) & ~_draw(outline - low, luma.shape)
        return _Native(view, (int(low[0]), int(low[1])), luma, lower, upper)


class CompressionWatch:
    """Watches the traces of compression."""

    measures: Sequence[Measure] = (
        Measure("compression.blocks", "edges of the frame's blocks, lower against upper", "low"),
        Measure("compression.zeros", "fine coefficients lost, lower against upper face", "high"),
        Measure("compression.unchanged", "pixels that stay, lower against upper face", "both"),
    )

    def __init__(self) -> None:
        self._last: _Native | None = None
        self._edges = np.zeros((2, BLOCK), np.float32)

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame."""
        now, last = _Native.of(view), self._last
        self._last = now
        if now is None or min(now.lower.sum(), now.upper.sum()) < 4 * LEAST_PIXELS:
            return {}
        edges = np.stack([edges_by_phase(now.luma, region) for region in (now.lower, now.upper)])
        if before is None or last is None or last.view is not before:
            self._edges = edges
            unchanged = float("nan")
        else:
            self._edges = np.float32(MEMORY) * self._edges + np.float32(1 - MEMORY) * edges
            unchanged = _unchanged(now, before)
        lower, upper = np.log(self._edges + 0.01)
        contrast = lower - upper - np.median(lower - upper)
        return {
            "compression.blocks": float(contrast[0]),
            "compression.zeros": _zeros(now),
            "compression.unchanged": unchanged,
        }


def edges_by_phase(luma: F32, region: Bools) -> F32:
    """Mean strength of edges one pixel wide by their place on a grid of blocks, (BLOCK,).

    Across both directions; phase 0: between two blocks of the grid that starts at the corner.
    """
    strength = np.zeros(BLOCK)
    for picture, mask in ((luma, region), (luma.T, region.T)):
        step = np.abs(np.diff(picture, axis=1))  # step[:, x]: between x and x + 1
        lone = np.maximum(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2, 0)
        inside = mask[:, 2:-1]
        total, count = (lone * inside).sum(0), inside.sum(0)
        phase = (np.arange(len(total)) + 2) % BLOCK
        sums = np.bincount(phase, total, BLOCK), np.bincount(phase, count, BLOCK)
        strength += sums[0] / np.maximum(sums[1], 1)
    return np.asarray(strength / 2, np.float32)


def _zeros(now: _Native) -> float:
    """Log odds that a fine coefficient is lost, lower face against upper."""
    h, w = (size // BLOCK * BLOCK for size in now.luma.shape)
    blocks = now.luma[:h, :w].reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).swapaxes(1, 2)
    high = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)) >= HIGH
    lost = np.mean(np.abs(_COSINES @ blocks @ _COSINES.T)[..., high] < ZERO, axis=-1)
    odds = []
    for region in (now.lower, now.upper):
        whole = region[:h, :w].reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).all((1, 3))
        if whole.sum() < 4:
            return float("nan")
        odds.append(_log_odds(float(lost[whole].mean())))
    return odds[0] - odds[1]


def _unchanged(now: _Native, before: FaceView) -> float:
    """Log odds that a pixel is what it was in the frame before, lower face against upper."""
    (x, y), (h, w) = now.corner, now.luma.shape
    part = cv2.cvtColor(before.frame[y : y + h, x : x + w], cv2.COLOR_RGB2GRAY)
    same = now.luma == part
    return _log_odds(float(same[now.lower].mean())) - _log_odds(float(same[now.upper].mean()))


def _log_odds(share: float) -> float:
    share = min(max(share, 0.002), 0.998)
    return float(np.log(share / (1 - share)))


def _draw(polygon: F32, shape: tuple[int, ...]) -> Bools:
    mask = np.zeros(shape, np.uint8)
    fill_polygon(mask, polygon)
    return np.asarray(mask > 127)
