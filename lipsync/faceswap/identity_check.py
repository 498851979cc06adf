"""Whose faces a network has learnt, and which of the two people a set or a video shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lipsync import media
from lipsync.errors import FacesError, WeightsError
from lipsync.face import identity
from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side
from lipsync.faceswap.faceset.store import FaceSet
from lipsync.types import F32, Alignment, FaceTrack, VideoInfo

SOME = 4  # frames of the target that are looked at to tell whose face it is


def side_of(network: FaceAutoencoder, faces: FaceSet, model: Path) -> Side:
    """Which of a network's two people a set shows: by the very set, else by their looks.

    Raises:
        FacesError: neither.
        WeightsError: the checkpoint does not say whom it knows.
    """
    digests = network.meta.get("sets", {})
    for side in SIDES:
        if digests.get(side) == faces.digest:
            return side
    if not network.known:
        raise WeightsError(f"{model}: does not say whose faces it knows; train it again")
    alike = {
        side: identity.likeness(faces.some_upper(), _known(network, side))
        for side in SIDES
        if side in network.known
    }
    best: Side = "a" if alike.get("a", 0) >= alike.get("b", 0) else "b"
    if alike[best] < identity.SAME:
        people = " and ".join(name_of(network, side) for side in SIDES)
        raise FacesError(
            f"{faces.path}: shows neither of the two people that {model.name} learnt ({people}; "
            f"likeness {alike[best]:.2f}, wanted {identity.SAME}); train a model on these faces"
        )
    return best


def _known(network: FaceAutoencoder, side: Side) -> list[F32]:
    return list(network.known[side].float().numpy())


def name_of(network: FaceAutoencoder, side: Side) -> str:
    """A person as the checkpoint names them."""
    return str(network.meta.get("people", {}).get(side, side))


def checked_target(
    network: FaceAutoencoder, source: Side, info: VideoInfo, track: FaceTrack, alignment: Alignment
) -> Iterator[str]:
    """Is the target the other person? Warnings if it is hard to tell.

    Raises:
        FacesError: the target shows the source already.
    """
    other: Side = "b" if source == "a" else "a"
    if set(network.known) != set(SIDES):
        return
    found = np.flatnonzero(track.found)
    some = found[np.linspace(0, len(found) - 1, min(SOME, len(found))).astype(int)]
    upper = []
    for i in some.tolist():
        frame = next(media.read_frames(info, i, i + 1))
        upper.append(identity.upper_face(frame, alignment.to_frame[i]))
    like_source = identity.likeness(upper, _known(network, source))
    like_other = identity.likeness(upper, _known(network, other))
    if like_source >= identity.SAME and like_source > like_other:
        raise FacesError(
            f"{info.path}: shows {name_of(network, source)} already (likeness {like_source:.2f}); "
            f"give a video of {name_of(network, other)}, or the other person's --source-faces"
        )
    if like_other < identity.SAME:
        yield (
            f"the person in {info.path.name} is not like {name_of(network, other)}, whom the model "
            f"learnt (likeness {like_other:.2f}); the result will be poor"
        )
