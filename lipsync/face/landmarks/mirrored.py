"""Detection in a frame and in its mirror image, averaged.

The detector's errors in the two are largely independent: their mean is nearer to the face and
jitters less, at twice the cost ("flip test"; face-alignment does so on its own).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.types import U8

# Mean distance of the points, in diagonals of the face, up to which two detections are one face.
SAME_FACE = 0.03


class MirroredDetector(LandmarkDetector):
    """Another detector, run twice on each frame. Its scheme must name its mirror points."""

    def __init__(self, detector: LandmarkDetector) -> None:
        self._detector = detector
        self.scheme, self.version = detector.scheme, detector.version
        self.misses_small_faces = detector.misses_small_faces
        self._mirror = np.array(detector.scheme.mirror)

    def detect(self, frame: U8) -> list[Face]:
        """All faces of the frame; one not found in the mirror image stays as it was detected."""
        faces = self._detector.detect(frame)
        if not faces:
            return faces
        width = frame.shape[1]
        mirrored = [
            self._mirror_back(face, width)
            for face in self._detector.detect(np.ascontiguousarray(frame[:, ::-1]))
        ]
        return [self._average(face, mirrored) for face in faces]

    def _mirror_back(self, face: Face, width: int) -> Face:
        """A face of the mirror image, in the pixels of the frame."""
        points = face.points[self._mirror].copy()
        points[:, 0] = width - points[:, 0]
        return Face(points, face.confidence)

    def _average(self, face: Face, mirrored: list[Face]) -> Face:
        for other in mirrored:
            distance = np.linalg.norm(face.points[:, :2] - other.points[:, :2], axis=1).mean()
            if distance < SAME_FACE * np.linalg.norm(np.ptp(face.points[:, :2], axis=0)):
                points = (face.points + other.points) * np.float32(0.5)
                return Face(points, (face.confidence + other.confidence) / 2)
        return face

    def __exit__(self, *exc: Any) -> None:
        self._detector.__exit__(*exc)
