"""Distance from the pictures of a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import MediaError, NoFaceError
from lipsync.face.landmarks import LandmarkOptions
from lipsync.inspection.identity import IdentityWatch
from lipsync.media import probe, read_frames
from lipsync.media.png import write_png
from tests.support.face_views import Clip

OPTIONS = LandmarkOptions()


@pytest.fixture(scope="module")
def picture(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The woman, in another clip."""
    other = sorted((shared / "data/grid_s4").glob("*.mp4"))[3]
    frame = next(iter(read_frames(probe(other), 10, 11)))
    path = tmp_path_factory.mktemp("pictures") / "her.png"
    write_png(path, frame)
    return path


@pytest.mark.real
def test_the_person_of_the_picture_is_nearer_than_others(
    picture: Path, woman: Clip, man: Clip, presenter: Clip
) -> None:
    def distance(of: Clip) -> float:
        return of.measured(IdentityWatch([picture], OPTIONS, "cpu"))["identity.distance"]

    assert distance(woman) < 0.45
    assert min(distance(man), distance(presenter)) > distance(woman) + 0.15


@pytest.mark.real
def test_without_pictures_there_is_no_distance_but_a_reason(man: Clip) -> None:
    watch = IdentityWatch([], OPTIONS, "cpu")
    assert np.isnan(man.measured(watch)["identity.distance"])
    assert watch.reasons() == {"identity": "no reference picture was given"}


def test_a_picture_without_a_face_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "wall.png"
    write_png(empty, np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(NoFaceError, match=r"wall\.png.*no face"):
        IdentityWatch([empty], OPTIONS, "cpu")
    with pytest.raises(MediaError, match=r"none\.png"):
        IdentityWatch([tmp_path / "none.png"], OPTIONS, "cpu")
