"""Where hands are before or near the face, in every frame of a piece."""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.hand_detection import HandDetector
from lipsync.face.similarity import apply_affine
from lipsync.types import F32, U8
from training.inspection.edit_target import EditTarget

# Outer-eye distances. Around the mouth that is searched; from the face to a hand that is near it.
REACH, NEAR = 2.5, 1.2
MOUTH = (0.0, 0.9)  # canonical
PICTURE = 256  # pixels across what is searched
LEAST_SPAN = 0.75  # outer-eye distances: ears that are taken for hands are smaller
GROWTH = 1.25  # joints lie inside the hand
HOLD = 2  # frames that a hand is held where the detector misses it


def find_hands(target: EditTarget) -> dict[int, list[F32]]:
    """Outlines of hands (k, 2), pixels, by frame; frames without a hand near the face are absent.

    Raises:
        NoFaceError: the piece shows no face.
    """
    seen: dict[int, list[F32]] = {}
    with HandDetector() as detector:
        for i, frame in enumerate(target.frames()):
            if target.face.found[i] and (hands := _detect(detector, target, i, frame)):
                seen[i] = hands
    held = dict(seen)
    for i in range(len(target.face)):
        near = [k for step in range(1, HOLD + 1) for k in (i - step, i + step) if k in seen]
        if i not in seen and near and target.face.found[i]:
            held[i] = seen[near[0]]
    return held


def _detect(detector: HandDetector, target: EditTarget, i: int, frame: U8) -> list[F32]:
    """The hands of one frame."""
    scale = float(target.face.alignment.scale[i])
    center = apply_affine(target.face.alignment.to_frame[i], np.array([MOUTH], np.float32))[0]
    zoom = PICTURE / (2 * REACH * scale)
    to_picture = np.array([[zoom, 0, 0], [0, zoom, 0]], np.float32)
    to_picture[:, 2] = PICTURE / 2 - zoom * center
    around = cv2.warpAffine(frame, to_picture, (PICTURE, PICTURE), flags=cv2.INTER_LINEAR)
    joints = (detector.detect(np.asarray(around)) - to_picture[:, 2]) / zoom
    face = cv2.convexHull(np.ascontiguousarray(target.face.track.xy[i]))
    hands = []
    for hand in joints.astype(np.float32):
        apart = max(cv2.pointPolygonTest(face, (float(x), float(y)), True) for x, y in hand)
        if np.ptp(hand, axis=0).max() >= LEAST_SPAN * scale and apart >= -NEAR * scale:
            hull = cv2.convexHull(np.ascontiguousarray(hand))[:, 0]
            middle = hull.mean(0)
            hands.append(np.asarray(middle + GROWTH * (hull - middle), np.float32))
    return hands
