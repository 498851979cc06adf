"""The table of landmark detectors, their options, and opening one."""

from __future__ import annotations

import importlib
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from lipsync.face.landmarks.detector import LandmarkDetector
from lipsync.face.landmarks.selector import validate_selector
from lipsync.runtime.option_spec import option_group


@option_group
class LandmarkOptions:
    """How faces are detected, and which one is used."""

    landmarks: Literal["mediapipe", "face-alignment"] = "mediapipe"
    """Detector. mediapipe runs anywhere; face-alignment (extra `fan`) needs a GPU and, once, a
    network for its weights."""
    landmark_threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Frames analyzed in parallel (mediapipe)."""
    landmark_flip: bool = True
    """Average the detections in every frame and in its mirror image: more accurate and steadier,
    at twice the detection time. face-alignment always does."""
    face: Annotated[str, BeforeValidator(validate_selector)] = "largest"
    """Whose face: largest (over the whole target), left, right, the N-th from the left, X,Y or
    X,Y@SECONDS (pixels of the upright frame), or a picture of that face alone."""


# name → (module, class); imported on demand, so that an unused detector costs nothing.
DETECTORS = {
    "mediapipe": ("lipsync.face.landmarks.mediapipe", "MediaPipeDetector"),
    "face-alignment": ("lipsync.face.landmarks.face_alignment", "FaceAlignmentDetector"),
}


def detector_class(options: LandmarkOptions) -> type[LandmarkDetector]:
    """The class that the options name, not yet opened: it has `scheme` and `version`.

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
        WeightsError: its weights are not available.
    """
    detector = detector_class(options)(device)
    if uses_mirror(options):
        from lipsync.face.landmarks.mirrored import MirroredDetector

        return MirroredDetector(detector)
    return detector


def uses_mirror(options: LandmarkOptions) -> bool:
    """Whether mirror images are used as well: the options ask for it, and the detector can."""
    return options.landmark_flip and len(detector_class(options).scheme.mirror) > 0
