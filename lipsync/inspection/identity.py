"""The face of a video against that of reference pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from lipsync.errors import NoFaceError
from lipsync.face.alignment import align
from lipsync.face.identity import compare_faces, make_face_thumbnail
from lipsync.face.landmarks import LandmarkOptions, track_face
from lipsync.inspection.face_view import FaceView
from lipsync.inspection.measures import Measure
from lipsync.media import probe, read_frames
from lipsync.types import F32

EVERY = 5  # frames; a face does not become another one in between
QUANTILE = 0.25  # of the distances: eyes turn and blink, and the best frames tell who it is


class IdentityWatch:
    """Compares brows, eyes and nose with those of some pictures."""

    measures: Sequence[Measure] = (
        Measure("identity.distance", "distance from the reference pictures", "high", QUANTILE),
    )

    def __init__(self, reference: Sequence[Path], options: LandmarkOptions, device: str) -> None:
        """Find the face in every picture; none given: there is nothing to compare with.

        Raises:
            NoFaceError: a picture shows no face.
            MediaError: a picture cannot be read.
        """
        self._known = [picture_thumbnail(path, options, device) for path in reference]

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame: 1 − the correlation with the most similar picture."""
        if not self._known or view.index % EVERY:
            return {}
        own = make_face_thumbnail(view.frame, view.to_frame)
        return {"identity.distance": 1 - compare_faces([own], self._known)}

    def reasons(self) -> dict[str, str]:
        """Why there is no value."""
        return {} if self._known else {"identity": "no reference picture was given"}


def picture_thumbnail(path: Path, options: LandmarkOptions, device: str) -> F32:
    """Thumbnail (h, w) of the largest face in a picture.

    Raises:
        NoFaceError: it shows none.
        MediaError: it cannot be read.
    """
    frame = next(iter(read_frames(probe(path), 0, 1)))
    try:
        track = track_face([frame], Fraction(25), replace(options, face="largest"), device)
        to_frame = align(track).to_frame[0]
    except NoFaceError:
        raise NoFaceError(
            f"{path}: no face was found in this picture; give one that shows the face"
        ) from None
    return make_face_thumbnail(frame, to_frame)
