"""Hands: 21 joints of each, by the MediaPipe Hand Landmarker on the CPU, bundled model.

VIDEO mode: a hand that was found is followed from frame to frame by its joints. Its finder alone
needs to see a palm, and so misses most hands before a face.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any

import numpy as np

from lipsync.face.native_log import native_stderr_captured
from lipsync.runtime.checkpoint import asset_path
from lipsync.runtime.imports import import_apart
from lipsync.types import F32, U8

MODEL = "hand_landmarker.task"
MAX_HANDS = 2
# Low: the hand that matters is cut off by the frame or by the face. Necks that pass for hands are
# ruled out by size and place (`occlusion.hand_masks`).
LEAST_CONFIDENCE = 0.3
STEP_MS = 100  # between two pictures, as the follower is told

PALM = (0, 1, 2, 5, 9, 13, 17)  # joints around it
WRIST, MIDDLE_KNUCKLE = 0, 9
FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))


def describe_detector() -> str:
    """Text that changes whenever the same picture could give other joints; part of cache keys."""
    digest = hashlib.sha256(asset_path(MODEL).read_bytes()).hexdigest()
    return f"mediapipe {version('mediapipe')} {digest}"


class HandDetector:
    """Finds and follows hands through pictures given in order. Use with `with`."""

    def __init__(self) -> None:
        import_apart("mediapipe.tasks.python.vision")
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        self._image: Any = mediapipe.Image
        self._format = mediapipe.ImageFormat.SRGB
        self._time = 0
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=asset_path(MODEL).read_bytes()),
            running_mode=vision.RunningMode.VIDEO,
            num_hands=MAX_HANDS,
            min_hand_detection_confidence=LEAST_CONFIDENCE,
            min_hand_presence_confidence=LEAST_CONFIDENCE,
            min_tracking_confidence=LEAST_CONFIDENCE,
        )
        with native_stderr_captured():
            self._landmarker: Any = vision.HandLandmarker.create_from_options(options)
            self.detect(np.zeros((64, 64, 3), np.uint8))

    def detect(self, picture: U8) -> F32:
        """Joints of all hands in the next picture (h, w, 3), (k, 21, 2) pixels."""
        height, width = picture.shape[:2]
        image = self._image(image_format=self._format, data=np.ascontiguousarray(picture))
        self._time += STEP_MS
        hands = self._landmarker.detect_for_video(image, self._time).hand_landmarks
        joints = np.array([[(p.x, p.y) for p in hand] for hand in hands], np.float32)
        return joints.reshape(-1, 21, 2) * np.array([width, height], np.float32)

    def __enter__(self) -> HandDetector:
        return self

    def __exit__(self, *exc: object) -> None:
        self._landmarker.close()
