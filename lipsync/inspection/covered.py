"""Blur and flicker of the lower face where a hand covers it, against the frames where none does."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import ExitStack

import cv2
import numpy as np

from lipsync.face.hand_detection import FINGERS, PALM, WRIST, HandDetector
from lipsync.face.similarity import affine_scale, apply_affine
from lipsync.inspection.face_view import FaceView
from lipsync.inspection.measures import Measure
from lipsync.inspection.shared_work import SharedWork, energy, log_ratio
from lipsync.mouth.occlusion.hand_masks import CENTER, FINGER, LEAST_SPAN, PICTURE, REACH
from lipsync.types import F32, Bools

# Frames between two that are searched: while a hand is followed, and while there is none.
STEP, IDLE_STEP = 3, 6
LEAST_COVERED = 0.06  # of the lower face
MEMORY = 0.95  # per frame, of how the uncovered face looks
LEAST_SEEN = 15  # frames without a hand that must be known; a hand is not found at once


class CoveredWatch:
    """Watches for hands before the lower face, and how it looks meanwhile."""

    measures: Sequence[Measure] = (
        Measure("covered.blur", "sharpness of the covered lower face against before", "low"),
        Measure("covered.flicker", "flicker of the covered lower face against before", "high"),
        Measure("covered.flicker_worst", "the same, in the worst frames", "high", 0.9),
        Measure(
            "covered.pulse", "change that reverses at once where a hand covers the face", "high"
        ),
        Measure("covered.pulse_worst", "the same, in the worst frames", "high", 0.9),
    )

    def __init__(self, work: SharedWork) -> None:
        self._work = work
        self._detector: HandDetector | None = None  # opened when a face is seen
        self._next = 0
        self._hands = np.zeros((0, 21, 2), np.float32)
        self._usual: dict[str, float] = {}
        self._changes: tuple[F32 | None, F32 | None] = None, None  # the last two
        self._seen = self._covered = 0

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame."""
        if view.index >= self._next or before is None:
            self._hands = self._find(view)
            self._next = view.index + (STEP if len(self._hands) else IDLE_STEP)
        hand = self._draw(view) & view.face
        covered = float(hand.sum()) > LEAST_COVERED * float(view.face.sum())
        now = self._look(view, before)
        changes = None if before is None else (view.luma - before.luma)
        self._changes = self._changes[1], changes
        if not covered:
            self._seen += 1
            for name, value in now.items():
                if np.isfinite(value):
                    usual = self._usual.get(name, value)
                    self._usual[name] = MEMORY * usual + (1 - MEMORY) * value
            return {}
        self._covered += 1
        values = {}
        if self._seen >= LEAST_SEEN:
            values = {f"covered.{k}": v - self._usual.get(k, np.nan) for k, v in now.items()}
            values["covered.flicker_worst"] = values.get("covered.flicker", float("nan"))
        values |= dict.fromkeys(("covered.pulse", "covered.pulse_worst"), self._pulse(hand))
        return values

    def reasons(self) -> dict[str, str]:
        """Why there is no value."""
        if not self._covered:
            return {"covered": "nothing covers the face"}
        return {} if self._seen >= LEAST_SEEN else {"covered": "the face is covered from the start"}

    def _look(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """How sharp and how steady the lower face is, against the upper."""
        detail = self._work.detail(view)
        fine = log_ratio(energy(detail.fine, view.lower), energy(detail.fine, view.upper))
        middle = log_ratio(energy(detail.middle, view.lower), energy(detail.middle, view.upper))
        values = {"blur": fine - middle}
        if before is not None:
            error = view.luma - self._work.motion(view, before).predicted
            values["flicker"] = log_ratio(energy(error, view.lower), energy(error, view.upper))
        return values

    def _pulse(self, hand: Bools) -> float:
        """Log share of a change that the next frame takes back, −∞ … log 2."""
        last, change = self._changes
        if last is None or change is None:
            return float("nan")
        both = energy(last, hand) + energy(change, hand)
        return log_ratio(energy(change - last, hand), both)

    def _find(self, view: FaceView) -> F32:
        """Joints of hands as large as a hand beside this face, (k, 21, 2), view pixels."""
        zoom = PICTURE / (2 * REACH * affine_scale(view.to_frame))
        center = apply_affine(view.to_frame, np.array([CENTER], np.float32))[0]
        to_picture = np.array([[zoom, 0, 0], [0, zoom, 0]], np.float32)
        to_picture[:, 2] = PICTURE / 2 - zoom * center
        around = cv2.warpAffine(view.frame, to_picture, (PICTURE, PICTURE), flags=cv2.INTER_LINEAR)
        if self._detector is None:
            stack = ExitStack()
            self._detector = stack.enter_context(HandDetector())
            weakref.finalize(self, stack.close)
        joints = self._detector.detect(np.asarray(around, np.uint8))
        joints = apply_affine(view.to_view, (joints - to_picture[:, 2]) / zoom)
        return np.asarray(joints[np.ptp(joints, axis=1).max(1) >= LEAST_SPAN * view.scale])

    def _draw(self, view: FaceView) -> Bools:
        """Where hands are, (h, w)."""
        mask = np.zeros(view.picture.shape[:2], np.uint8)
        thick = max(1, round(FINGER * view.scale))
        for hand in np.round(self._hands).astype(np.int32):
            cv2.fillPoly(mask, [cv2.convexHull(hand[list(PALM)])], 1)
            for finger in FINGERS:
                cv2.polylines(mask, [hand[[WRIST, *finger]]], False, 1, thick)
        return np.asarray(mask > 0)
