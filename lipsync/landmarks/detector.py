"""The seam every face landmark detector fits: one frame in, its faces out."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import BeforeValidator, Field

from lipsync.landmarks.wanted import checked_face
from lipsync.options_base import options
from lipsync.types import F32, U8, LandmarkScheme


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one frame."""

    points: F32  # (k, 2 or 3), frame pixels, in the detector's scheme
    confidence: float  # 0..1; 1 where the detector does not say


class LandmarkDetector(AbstractContextManager["LandmarkDetector"], Protocol):
    """Finds the landmarks of the faces in a single frame. Close it with `with`."""

    scheme: LandmarkScheme
    version: str  # changes whenever the same frame could give other points; part of cache keys
    # Faces narrower than about a tenth of the frame are missed in it, and seen in a part of it.
    short_sighted: bool = False

    def __init__(self, device: str) -> None: ...

    def detect(self, frame: U8) -> list[Face]:
        """All faces of an RGB frame (h, w, 3), in no particular order; maybe none."""
        ...


@options
class LandmarkOptions:
    """How faces are found."""

    landmarks: Literal["mediapipe", "face-alignment"] = "mediapipe"
    """Detector. mediapipe runs anywhere; face-alignment (extra `fan`) wants a GPU and, once, a
    network for its weights."""
    landmark_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Frames looked at side by side (mediapipe)."""
    landmark_flip: bool = True
    """Look at every frame's mirror image as well and take the mean: nearer and steadier, for twice
    the time of finding them. face-alignment always does."""
    face: Annotated[str, BeforeValidator(checked_face)] = "largest"
    """Whose: largest (over the whole target), left, right, the N-th from the left, X,Y or
    X,Y@SECONDS (pixels of the upright frame), or a picture of that face alone."""


# name → (module, class); imported when asked for, so that an unused detector costs nothing.
DETECTORS = {
    "mediapipe": ("lipsync.landmarks.mediapipe", "MediaPipeDetector"),
    "face-alignment": ("lipsync.landmarks.face_alignment", "FaceAlignmentDetector"),
}


def detector_class(options: LandmarkOptions) -> type[LandmarkDetector]:
    """The class that the options name, not yet opened: its `scheme` and `version` can be asked.

    Raises:
        MissingPackageError: its package is not installed.
    """
    module, name = DETECTORS[options.landmarks]
    found: type[LandmarkDetector] = getattr(importlib.import_module(module), name)
    return found


def open_detector(options: LandmarkOptions, device: str = "cpu") -> LandmarkDetector:
    """A new detector of the kind that the options name.

    Raises:
        MissingPackageError: its package is not installed.
        WeightsError: its weights are not to be had.
    """
    detector = detector_class(options)(device)
    if flips(options):
        from lipsync.landmarks.mirrored import MirroredDetector

        return MirroredDetector(detector)
    return detector


def flips(options: LandmarkOptions) -> bool:
    """Whether frames are looked at in the mirror as well: it is wanted, and the detector can."""
    return options.landmark_flip and len(detector_class(options).scheme.mirror) > 0
