"""Grain and color noise of the lower face against those of the cheeks.

Looked at on the flatter half of both regions, where there is little but grain. Composited skin is
smoother than the camera's, repeats the grain of another frame, or has it frozen.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lipsync.inspection.face_view import FaceView
from lipsync.inspection.measures import Measure
from lipsync.inspection.shared_work import LEAST_PIXELS, SharedWork, energy, log_odds, log_ratio
from lipsync.types import F32, Bools

GRAIN = 0.7  # levels: what is stronger is grain, and no rounding


class NoiseWatch:
    """Watches the grain of chin and cheeks."""

    measures: Sequence[Measure] = (
        Measure("noise.grain", "grain of the chin against the cheeks", "both"),
        Measure("noise.temporal", "change of the grain, chin against cheeks", "both"),
        Measure("noise.frozen", "how much the chin's grain stays, against the cheeks'", "both"),
        Measure("noise.color_temporal", "change of the color noise, chin against cheeks", "both"),
    )

    def __init__(self, work: SharedWork) -> None:
        self._work = work
        self._last: tuple[FaceView, F32, F32] | None = None  # with its grain and color noise

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame."""
        detail = self._work.detail(view)
        chin, cheeks = detail.flattest(detail.chin), detail.flattest(detail.cheeks)
        grain, color = detail.grain, _color_noise(view, detail.fine_sigma)
        strong = np.abs(grain) > GRAIN
        values = {
            "noise.grain": log_odds(strong, chin) - log_odds(strong, cheeks),
        }
        last, self._last = self._last, (view, grain, color)
        if last is not None and last[0] is before:
            change, shift = grain - last[1], color - last[2]
            values |= {
                "noise.temporal": log_ratio(energy(change, chin), energy(change, cheeks)),
                "noise.frozen": _likeness(grain, last[1], chin) - _likeness(grain, last[1], cheeks),
                "noise.color_temporal": log_ratio(energy(shift, chin), energy(shift, cheeks)),
            }
        return values


def _color_noise(view: FaceView, sigma: float) -> F32:
    """Fine detail of the red difference, (h, w)."""
    red = cv2.cvtColor(view.picture, cv2.COLOR_RGB2YCrCb)[..., 1].astype(np.float32)
    return np.asarray(red - cv2.GaussianBlur(red, (0, 0), 2 * sigma))


def _likeness(one: F32, other: F32, region: Bools) -> float:
    """Correlation of two pictures over a region; NaN where it has too few pixels."""
    a, b = one[region], other[region]
    if len(a) < LEAST_PIXELS:
        return float("nan")
    norm = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    return float(np.sum(a * b)) / norm if norm > 0 else float("nan")
