"""Whose faces a network has learned, and which of the two people a face set or a video shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import FacesError, WeightsError
from lipsync.face import identity
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side, other_side
from lipsync.faceswap.faceset.store import FaceSet
from lipsync.types import F32, VideoInfo

SAMPLED_FRAMES = 4  # of the target, compared with the people whom the network knows


def identify_side(network: FaceAutoencoder, faces: FaceSet, model: Path) -> Side:
    """Which of a network's two people a face set shows: by the set's hash, else by appearance.

    Raises:
        FacesError: neither.
        WeightsError: the checkpoint does not say whom it knows.
    """
    digests = network.meta.get("sets", {})
    for side in SIDES:
        if digests.get(side) == faces.digest:
            return side
    if not network.thumbnails:
        raise WeightsError(f"{model}: does not say whose faces it knows; train it again")
    alike = {
        side: identity.compare_faces(faces.sample_thumbnails(), _thumbnails_of(network, side))
        for side in SIDES
        if side in network.thumbnails
    }
    best: Side = "a" if alike.get("a", 0) >= alike.get("b", 0) else "b"
    if alike[best] < identity.SAME_PERSON:
        people = " and ".join(person_name(network, side) for side in SIDES)
        raise FacesError(
            f"{faces.path}: shows neither of the two people that {model.name} learned ({people}; "
            f"likeness {alike[best]:.2f}, wanted {identity.SAME_PERSON}); train a model on these "
            "faces"
        )
    return best


def _thumbnails_of(network: FaceAutoencoder, side: Side) -> list[F32]:
    return list(network.thumbnails[side].float().numpy())


def person_name(network: FaceAutoencoder, side: Side) -> str:
    """A person's name in the checkpoint."""
    return str(network.meta.get("people", {}).get(side, side))


def check_target(
    network: FaceAutoencoder, source: Side, info: VideoInfo, face: TrackedFace
) -> list[str]:
    """Check that the target shows the other person; warnings if it is hard to tell.

    Raises:
        FacesError: the target shows the source already.
    """
    if set(network.thumbnails) != set(SIDES):
        return []
    other = other_side(source)
    found = np.flatnonzero(face.found)
    sampled = found[np.linspace(0, len(found) - 1, min(SAMPLED_FRAMES, len(found))).astype(int)]
    upper = []
    for i in sampled.tolist():
        frame = next(media.read_frames(info, i, i + 1))
        upper.append(identity.make_face_thumbnail(frame, face.alignment.to_frame[i]))
    like_source = identity.compare_faces(upper, _thumbnails_of(network, source))
    like_other = identity.compare_faces(upper, _thumbnails_of(network, other))
    other_name = person_name(network, other)
    if like_source >= identity.SAME_PERSON and like_source > like_other:
        raise FacesError(
            f"{info.path}: shows {person_name(network, source)} already (likeness "
            f"{like_source:.2f}); give a video of {other_name}, or the other person's "
            "--source-faces"
        )
    if like_other < identity.SAME_PERSON:
        return [
            f"the person in {info.path.name} is not like {other_name}, whom the model learned "
            f"(likeness {like_other:.2f}); the result will be poor"
        ]
    return []
