"""What a swap and its preview share: consent, the source's network, the maker of faces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from lipsync.errors import OptionsError
from lipsync.face import landmarks
from lipsync.face.landmarks.detector import LandmarkDetector
from lipsync.faceswap import identity_check
from lipsync.faceswap.autoencoder import FaceAutoencoder, Side
from lipsync.faceswap.faceset.store import FaceSet, locate
from lipsync.faceswap.maker import FaceMaker
from lipsync.marks.origin import GENERATED_FACE, derive_record_id
from lipsync.mouth.finish.composite import CompositeOptions
from lipsync.options import SwapOptions
from lipsync.types import F32, U8

DETECTION_SIZE = 256  # pixels to which generated faces are enlarged for landmark detection
MAX_FEATHER = 0.3  # of `CompositeOptions`


@dataclass(frozen=True, eq=False)
class SourceFace:
    """The person whose face is shown: a network and which of its two people they are."""

    network: FaceAutoencoder
    side: Side
    model: Path  # the network's file
    face_set: Path  # the set's file

    @staticmethod
    def open(face_set: Path, model: Path, device: str) -> SourceFace:
        """Load the network and look up in it whom the face set shows.

        Raises:
            WeightsError, FacesError: one cannot be read, or they do not belong together.
        """
        network = FaceAutoencoder.load(model, device)
        with FaceSet(face_set) as faces:
            return SourceFace(
                network, identity_check.identify_side(network, faces, model), model, faces.path
            )

    @property
    def name(self) -> str:
        """The person's name in the checkpoint."""
        return identity_check.person_name(self.network, self.side)


def require_consent(consent: str | None) -> str:
    """The consent with its whitespace normalized.

    Raises:
        OptionsError: there is none.
    """
    text = " ".join((consent or "").split())
    if len(text) < 3:
        raise OptionsError(
            'swap needs --consent "who agreed to what": nobody\'s face is used without their '
            "agreement, and the result's record says whose it was"
        )
    return text


def composite_options(options: SwapOptions) -> CompositeOptions:
    """How a face is composited; its light is fitted to the border only with `seamless`."""
    faces = options.faces
    return CompositeOptions(
        mask_feather=min(faces.feather, MAX_FEATHER),
        color_match=faces.seamless,
        grain=faces.face_grain,
    )


@contextmanager
def open_face_maker(source: SourceFace, options: SwapOptions) -> Iterator[FaceMaker]:
    """A face maker, with a landmark detector if `landmark_warp` needs one."""
    if not options.faces.landmark_warp:
        yield FaceMaker(source.network, source.side)
        return
    with landmarks.open_detector(options.landmarks, options.run.device) as detector:
        yield FaceMaker(source.network, source.side, partial(_find_landmarks, detector))


def _find_landmarks(detector: LandmarkDetector, face: U8) -> F32 | None:
    """Landmarks (k, 2) of a generated face, in its pixels; None: the detector finds no face."""
    scale = DETECTION_SIZE / len(face)
    large = cv2.resize(face, (DETECTION_SIZE, DETECTION_SIZE), interpolation=cv2.INTER_CUBIC)
    found = detector.detect(np.asarray(large, np.uint8))
    if not found:
        return None
    return np.asarray((found[0].points[:, :2] + 0.5) / scale - 0.5, np.float32)


def identify_output(
    face_set: Path, video: Path, model: Path, consent: str, options: SwapOptions
) -> int:
    """The id of the output's record: the same whenever the same is made from the same."""
    chosen = options.decisive() | {"consent": consent}
    return derive_record_id(GENERATED_FACE, [locate(face_set), video, model], chosen)
