"""Sharpness of mouth and face against the rest of the same frame.

What a blurred region lacks is fine detail everywhere: nearly all of its pixels equal the mean of
their neighbors. Their share tells it better than the energy of the detail, which a few edges of
lips or lashes decide. The face as a whole is compared by energies: what surrounds it may be a bare
wall.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from lipsync.inspection.face_view import FaceView
from lipsync.inspection.measures import Measure
from lipsync.inspection.shared_work import Detail, SharedWork, energy, log_odds, log_ratio
from lipsync.types import Bools

FAINT = 0.012  # share of the face's brightness: weaker detail is none
FAINT_LEAST = 0.6  # levels: below it there is only rounding


class BlurWatch:
    """Watches the sharpness of mouth, lower face and face."""

    measures: Sequence[Measure] = (
        Measure("blur.mouth", "fine detail of the mouth against the upper face", "low"),
        Measure("blur.lower", "fine detail of the lower face against the upper face", "low"),
        Measure("blur.face", "sharpness of the face against its surroundings", "low"),
        Measure("blur.face_detail", "fine detail of the face against its surroundings", "low"),
    )

    def __init__(self, work: SharedWork) -> None:
        self._work = work

    def prepare(self, view: FaceView, before: FaceView | None) -> None:
        """Find the bands of detail, and the regions that they are compared in."""
        detail = self._work.detail(view)
        _ = detail.fine, detail.middle, view.mouth, view.lower, view.face, view.upper, view.surround

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame."""
        detail = self._work.detail(view)
        brightness = cv2.mean(view.luma, view.face.view(np.uint8))[0]
        present = np.abs(detail.fine) > max(FAINT * brightness, FAINT_LEAST)
        laplacian = np.asarray(cv2.Laplacian(view.luma, cv2.CV_32F), np.float32)
        upper = log_odds(present, view.upper)
        return {
            "blur.mouth": log_odds(present, view.mouth) - upper,
            "blur.lower": log_odds(present, view.lower) - upper,
            "blur.face": log_ratio(
                _sharpness(detail, view.face), _sharpness(detail, view.surround)
            ),
            "blur.face_detail": log_ratio(
                energy(laplacian, view.face), energy(laplacian, view.surround)
            ),
        }


def _sharpness(detail: Detail, region: Bools) -> float:
    """Energy of fine detail over that of coarser detail: the amount of texture cancels."""
    return energy(detail.fine, region) / energy(detail.middle, region)
