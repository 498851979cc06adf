"""2-D FAN from the package face-alignment (extra `fan`): 68 points, for users with a GPU.

Its face finder (S3FD) and its network (2DFAN-4) download their weights on first use; after that no
network is needed. On a CPU a frame takes seconds.
"""

from __future__ import annotations

import pickle
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from lipsync.errors import MissingPackageError, WeightsError
from lipsync.face.landmarks.detector import Face, LandmarkDetector
from lipsync.face.schemes import IBUG_68
from lipsync.types import U8

try:
    _PACKAGE = version("face-alignment")
except PackageNotFoundError:
    raise MissingPackageError("face-alignment", "--landmarks face-alignment", "fan") from None


class FaceAlignmentDetector(LandmarkDetector):
    """2-D FAN behind the S3FD face finder.

    Raises:
        WeightsError: its weights are missing and cannot be downloaded, or are damaged.
    """

    scheme = IBUG_68
    version = f"face-alignment {_PACKAGE} 2dfan-4 sfd flip"

    def __init__(self, device: str) -> None:
        # Imported only here: the package pulls in torch, numba and scikit-image.
        import face_alignment
        import torch

        try:
            self._network = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D,
                device=device,
                flip_input=True,
                compile=False,  # needs a C++ compiler and keeps a cache in the home folder
            )
        except (OSError, pickle.UnpicklingError, EOFError, RuntimeError) as error:
            place = f"{torch.hub.get_dir()}/checkpoints"
            raise WeightsError(_remedy(error, place)) from error

    def detect(self, frame: U8) -> list[Face]:
        """All faces; points (68, 2) in pixels, confidence the mean peak of the heat maps."""
        image = np.ascontiguousarray(frame)
        boxes = self._network.face_detector.detect_from_image(image)
        if len(boxes) == 0:
            return []
        points, heights, _ = self._network.get_landmarks_from_image(
            image, detected_faces=boxes, return_landmark_score=True
        )
        # Peaks are sums over the picture and its mirror image.
        return [
            Face(np.asarray(p, np.float32), float(np.clip(np.mean(h) / 2, 0, 1)))
            for p, h in zip(points, heights, strict=True)
        ]

    def __exit__(self, *exc: object) -> None:
        del self._network


def _remedy(error: Exception, place: str) -> str:
    """Why the weights did not load, and what to do about it, in one line."""
    lines = str(getattr(error, "reason", error)).strip().splitlines()
    what = lines[0] if lines else type(error).__name__
    if isinstance(error, OSError):
        return (
            f"--landmarks face-alignment: its weights are not in {place} and cannot be fetched "
            f"({what}): run it once where there is a network, or use --landmarks mediapipe"
        )
    return (
        f"--landmarks face-alignment: the weights in {place} cannot be used ({what}): delete "
        "them there and run it again where there is a network"
    )
