"""The MediaPipe Face Landmarker on the CPU: 478 points, the vendored model, no network.

IMAGE mode, one frame at a time: VIDEO mode smooths over time and blunts fast closures (p, b, m).
We smooth with zero phase later, when the whole motion is known.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.face.native_log import native_stderr_captured
from lipsync.face.schemes import MEDIAPIPE_478
from lipsync.runtime.checkpoint import asset_path
from lipsync.runtime.imports import import_apart
from lipsync.types import U8

MODEL = "face_landmarker.task"
MAX_FACES = 4


class MediaPipeDetector(LandmarkDetector):
    """Face Landmarker. Not thread-safe: open one per thread."""

    scheme = MEDIAPIPE_478
    version = f"mediapipe {version('mediapipe')} image-mode"
    misses_small_faces = True  # its face finder reduces the whole frame to 128 × 128 pixels

    def __init__(self, device: str = "cpu", model: Path | None = None) -> None:
        # Its GPU delegate needs a display and differs in its last digits: the CPU is fast enough.
        del device
        import_apart("mediapipe.tasks.python.vision")
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        self._image: Any = mediapipe.Image
        self._format = mediapipe.ImageFormat.SRGB
        # Read here, so that a path outside the process's locale encoding works as well.
        data = (model or asset_path(MODEL)).read_bytes()
        settings = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=data), num_faces=MAX_FACES
        )
        with native_stderr_captured():
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(settings)
            self.detect(np.zeros((64, 64, 3), np.uint8))

    def detect(self, frame: U8) -> list[Face]:
        """All faces; points (478, 3) in pixels, z about the head's center in the same unit."""
        height, width = frame.shape[:2]
        # The wrapper ignores strides: rows with padding would be garbled.
        image = self._image(image_format=self._format, data=np.ascontiguousarray(frame))
        size = np.array([width, height, width], np.float32)
        return [
            Face(np.array([(p.x, p.y, p.z) for p in face], np.float32) * size, 1.0)
            for face in self._landmarker.detect(image).face_landmarks
        ]

    def __exit__(self, *exc: object) -> None:
        self._landmarker.close()
