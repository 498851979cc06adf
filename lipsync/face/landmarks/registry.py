"""The table of landmark detectors, their options, and opening one."""

from __future__ import annotations

import importlib
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from lipsync.face.landmarks.detector import LandmarkDetector
from lipsync.face.landmarks.selector import checked_face
from lipsync.runtime.option_spec import options


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
    "mediapipe": ("lipsync.face.landmarks.mediapipe", "MediaPipeDetector"),
    "face-alignment": ("lipsync.face.landmarks.face_alignment", "FaceAlignmentDetector"),
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
        from lipsync.face.landmarks.mirrored import MirroredDetector

        return MirroredDetector(detector)
    return detector


def flips(options: LandmarkOptions) -> bool:
    """Whether frames are looked at in the mirror as well: it is wanted, and the detector can."""
    return options.landmark_flip and len(detector_class(options).scheme.mirror) > 0
