"""A frame and its mirror image, and the mean of what is found in both.

A detector errs by itself in each of the two: their mean lies nearer to the face and trembles less,
for twice the time ("flip test"; face-alignment does so on its own).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.types import U8

# Diagonals of the face: what lies further apart on the average is another face, or one of the two
# was not seen rightly.
AGREED = 0.03


class MirroredDetector(LandmarkDetector):
    """Another detector, asked twice about each frame. Its scheme must name its mirror points."""

    def __init__(self, detector: LandmarkDetector) -> None:
        self._detector = detector
        self.scheme, self.version = detector.scheme, detector.version
        self.short_sighted = detector.short_sighted
        self._mirror = np.array(detector.scheme.mirror)

    def detect(self, frame: U8) -> list[Face]:
        """All faces of the frame; one that its mirror image does not show is as it was found."""
        faces = self._detector.detect(frame)
        if not faces:
            return faces
        width = frame.shape[1]
        mirrored = [
            self._turned(face, width)
            for face in self._detector.detect(np.ascontiguousarray(frame[:, ::-1]))
        ]
        return [self._joined(face, mirrored) for face in faces]

    def _turned(self, face: Face, width: int) -> Face:
        """A face of the mirror image, as it lies in the frame."""
        points = face.points[self._mirror].copy()
        points[:, 0] = width - points[:, 0]
        return Face(points, face.confidence)

    def _joined(self, face: Face, mirrored: list[Face]) -> Face:
        for other in mirrored:
            apart = np.linalg.norm(face.points[:, :2] - other.points[:, :2], axis=1).mean()
            if apart < AGREED * np.linalg.norm(np.ptp(face.points[:, :2], axis=0)):
                points = (face.points + other.points) * np.float32(0.5)
                return Face(points, (face.confidence + other.confidence) / 2)
        return face

    def __exit__(self, *exc: Any) -> None:
        self._detector.__exit__(*exc)
