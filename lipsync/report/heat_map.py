"""Where in a face a question is answered worst: a heat map for a frame, to look at.

The maps are simple, one idea each, and are for eyes: no score is computed from them. Each compares
a place with the rest of the same face, so that 0 is what the rest shows and 1 is far off it.
Symbols: h × w pixels of the view of a face.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from lipsync.inspection.face_view import RING_FAR, FaceView, grow
from lipsync.types import F32, U8

NEAR = 0.05  # outer-eye distances by which the map goes beyond the face
LOCAL, WIDE = 0.06, 0.16  # outer-eye distances, widths of the neighborhoods of statistics
TINY = 1e-3  # squared levels, so that flat places have a logarithm
JPEG_QUALITY = 80  # of the encoding whose loss tells how a place was compressed before
ECHO_LEAST, ECHO_MOST = 0.03, 0.12  # outer-eye distances between an edge and its double
EDGE = 1.0  # levels per pixel; fainter slopes are no edges
MOVED = 0.05  # outer-eye distances per frame that count as much movement
STRENGTH = 0.8  # opacity of the hottest places

Map = Callable[[FaceView, FaceView | None], F32 | None]


def draw_heat(question: str, view: FaceView, before: FaceView | None) -> U8 | None:
    """The heat map of a frame as an overlay (h, w, 4), RGB and opacity.

    Args:
        question: key of `inspection.measures.QUESTIONS`.
        before: the frame before, where it shows the same shot.

    Returns:
        None: the question has no map, or it needs the frame before and there is none.
    """
    make = MAPS.get(question)
    heat = make(view, before) if make is not None else None
    if heat is None:
        return None
    near = grow(view.face, NEAR * view.scale) & view.inside
    soft = cv2.GaussianBlur(near.astype(np.float32), (0, 0), max(0.02 * view.scale, 1.0))
    return color_heat(np.nan_to_num(heat) * soft)


def color_heat(heat: F32) -> U8:
    """Heat 0..1 (h, w) → color and opacity (h, w, 4): cold is clear, hot is bright yellow."""
    levels = np.clip(np.round(heat * 255), 0, 255).astype(np.uint8)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_PLASMA)[..., ::-1]
    opacity = np.round(255 * STRENGTH * np.clip(heat * 2, 0, 1)).astype(np.uint8)
    return np.dstack([colors, opacity])


def _lost_detail(view: FaceView, _: FaceView | None) -> F32:
    """Where the finest detail is weaker, beside coarser detail, than in the upper face."""
    scales = [cv2.GaussianBlur(view.luma, (0, 0), sigma) for sigma in (0.6, 1.2, 2.0, 4.0)]
    fine, coarse = (_energy(view, scales[i] - scales[i + 1], WIDE) for i in (0, 2))
    octaves = 0.5 * np.log2(fine / coarse)
    return np.asarray((_typical(octaves, view) - octaves - 0.4) / 1.2, np.float32)


def _flicker(view: FaceView, before: FaceView | None) -> F32 | None:
    """Where a frame differs from the frame before although its motion is undone."""
    if before is None or before.luma.shape != view.luma.shape:
        return None
    flow = _flow(view, before)
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    moved = cv2.remap(
        before.luma, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, None,
        cv2.BORDER_REPLICATE,
    )  # fmt: skip
    off = np.sqrt(_energy(view, view.luma - moved))
    usual = float(np.quantile(off[view.upper], 0.9)) if view.upper.any() else 1.0
    return np.asarray((off / max(usual, 0.5) - 1) / 3, np.float32)


def _movement(view: FaceView, before: FaceView | None) -> F32 | None:
    """What moves, after the motion of the head is undone."""
    if before is None or before.luma.shape != view.luma.shape:
        return None
    flow = _flow(view, before)
    if view.upper.any():
        flow -= np.median(flow[view.upper], axis=0).astype(np.float32)
    return np.asarray(np.linalg.norm(flow, axis=-1) / (MOVED * view.scale), np.float32)


def _color_steps(view: FaceView, _: FaceView | None) -> F32:
    """Steps of color near the border of the lower face."""
    lab = cv2.cvtColor(view.picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:]
    lab = cv2.GaussianBlur(lab, (0, 0), max(0.03 * view.scale, 1.0))
    steps = np.hypot(*(_gradient(lab[..., i])[2] for i in (0, 1)))
    usual = float(np.quantile(steps[view.upper], 0.9)) if view.upper.any() else 1.0
    far = 1.5 * RING_FAR * view.scale
    border = np.where(view.lower, view.distance_inside, view.distance_outside)
    near = np.clip(2 - border / far, 0, 1)
    return np.asarray((steps / max(usual, 0.05) - 0.5) / 2 * near, np.float32)


def _double_edges(view: FaceView, _: FaceView | None) -> F32:
    """Edges beside which a second one runs, of the same direction, with a gap between them."""
    x_slope, y_slope, edge = _gradient(cv2.GaussianBlur(view.luma, (0, 0), 1.2))
    across = np.dstack([x_slope, y_slope]) / (edge[..., None] + 1e-6)
    y, x = np.mgrid[: edge.shape[0], : edge.shape[1]].astype(np.float32)

    def beside(pixels: float) -> F32:
        places = [
            np.asarray(one + pixels * across[..., i], np.float32) for i, one in enumerate((x, y))
        ]
        slopes = [cv2.remap(one, *places, cv2.INTER_LINEAR) for one in (x_slope, y_slope)]
        along = slopes[0] * across[..., 0] + slopes[1] * across[..., 1]
        return np.asarray(np.maximum(along, 0))

    echo = np.zeros_like(edge)
    for far in np.linspace(ECHO_LEAST, ECHO_MOST, 5) * view.scale:
        for sign in (-1, 1):
            other, between = beside(sign * far), beside(sign * far / 2)
            weaker, stronger = np.minimum(edge, other), np.maximum(edge, other)
            gap = np.clip(1 - 1.5 * between / (weaker + 1e-6), 0, 1)
            seen = np.clip(weaker / EDGE - 1, 0, 1)
            echo = np.fmax(echo, weaker / (stronger + 1e-6) * gap * seen)
    # In hair and lashes edges are everywhere, and none is the double of another.
    dense = cv2.GaussianBlur((edge > 2 * EDGE).astype(np.float32), (0, 0), WIDE * view.scale)
    alone = np.clip(2 - 4 * dense, 0, 1)
    echo = cv2.GaussianBlur(echo, (0, 0), max(0.02 * view.scale, 1.0))
    return np.asarray((2 * echo - 0.25) * alone, np.float32)


def _grain(view: FaceView, _: FaceView | None) -> F32:
    """Where the grain is stronger or weaker than in the upper face."""
    grain = view.luma - cv2.GaussianBlur(view.luma, (0, 0), 1.0)
    # Flat skin counts, edges hardly do: they are no grain.
    edge = _gradient(cv2.GaussianBlur(view.luma, (0, 0), 2.0))[2]
    flat = np.clip(2 - edge / EDGE, 0.01, 1)
    share = cv2.GaussianBlur(flat, (0, 0), max(WIDE / 2 * view.scale, 1.5))
    octaves = 0.5 * np.log2(_energy(view, grain * np.sqrt(flat), WIDE) / share)
    known = view.upper & (share > 0.5)
    usual = float(np.median(octaves[known])) if known.any() else _typical(octaves, view)
    return np.asarray((np.abs(octaves - usual) - 0.7) / 1.2 * share, np.float32)


def _recompression(view: FaceView, _: FaceView | None) -> F32:
    """Where one more compression loses more or less than in the upper face."""
    bgr = np.ascontiguousarray(view.picture[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    loss = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.float32) - bgr
    octaves = 0.5 * np.log2(_energy(view, np.linalg.norm(loss, axis=-1), WIDE))
    return np.asarray((np.abs(octaves - _typical(octaves, view)) - 0.3) / 0.8, np.float32)


MAPS: dict[str, Map] = {
    "blur": _lost_detail,
    "flicker": _flicker,
    "skin_tone": _color_steps,
    "double_edges": _double_edges,
    "covered": _flicker,
    "sync": _movement,
    "silence": _movement,
    "closures": _movement,
    "motion": _movement,
    "noise": _grain,
    "compression": _recompression,
}


def _energy(view: FaceView, signal: F32, width: float = LOCAL) -> F32:
    """Mean square of a signal around every pixel."""
    sigma = max(width / 2 * view.scale, 1.5)
    return np.asarray(cv2.GaussianBlur(signal**2, (0, 0), sigma) + TINY, np.float32)


def _typical(values: NDArray[np.floating], view: FaceView) -> float:
    """What the upper face shows."""
    return float(np.median(values[view.upper])) if view.upper.any() else float(np.median(values))


def _gradient(picture: F32) -> tuple[F32, F32, F32]:
    """Slope to the right, slope down, and steepness."""
    x, y = (cv2.Sobel(picture, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    return x, y, np.hypot(x, y)


def _flow(view: FaceView, before: FaceView) -> F32:
    """(h, w, 2), where every pixel was in the frame before, as an offset in pixels."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    pictures = (one.luma.astype(np.uint8) for one in (view, before))
    return np.asarray(flow.calc(*pictures, None), np.float32)
