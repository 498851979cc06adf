"""The interface of face landmark detectors: one frame in, its faces out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from lipsync.types import F32, U8, LandmarkScheme


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one frame."""

    points: F32  # (k, 2 or 3), frame pixels, in the detector's scheme
    confidence: float  # 0..1; 1 where the detector gives none


class LandmarkDetector(AbstractContextManager["LandmarkDetector"], Protocol):
    """Finds the landmarks of the faces in a single frame. Close it with `with`."""

    scheme: LandmarkScheme
    version: str  # changes whenever the same frame could give other points; part of cache keys
    # Faces narrower than about a tenth of the frame are missed in it, and found in a part of it.
    misses_small_faces: bool = False

    def __init__(self, device: str) -> None: ...

    def detect(self, frame: U8) -> list[Face]:
        """All faces of an RGB frame (h, w, 3), in no particular order; may be empty."""
        ...
