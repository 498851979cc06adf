"""The upright view of a face: its regions lie where the face is, whatever the frame's size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.face.landmarks import LandmarkOptions, track_video
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.face_view import MAX_SCALE, FaceView, view_faces, view_scale
from lipsync.runtime.cache import Cache
from lipsync.types import Alignment, FaceTrack


@pytest.fixture(scope="module")
def clip(shared: Path) -> tuple[list[np.ndarray], TrackedFace]:
    """The first frames of a real person."""
    info = media.probe(sorted((shared / "data" / "grid_s26").glob("*.mkv"))[0])
    with Cache(None) as cache:
        track = track_video(info, LandmarkOptions(), cache)
    frames = [frame for _, frame in zip(range(8), media.read_frames(info), strict=False)]
    return frames, TrackedFace.of(track)


def _views(frames: list[np.ndarray], face: TrackedFace) -> list[FaceView]:
    return [view for view in view_faces(frames, face) if view is not None]


@pytest.mark.real
def test_regions_nest_and_lie_where_the_face_is(clip: tuple[list[np.ndarray], TrackedFace]) -> None:
    for view in _views(*clip):
        assert view.mouth.sum() > 50
        assert (view.mouth & view.lower).sum() > 0.8 * view.mouth.sum()
        assert (view.lower & view.face).sum() > 0.9 * view.lower.sum()
        assert not (view.upper & view.lower).any()
        assert not (view.surround & view.face).any()
        assert not (view.ring_inside & view.ring_outside).any()
        assert view.ring_inside.sum() > 50
        rows = np.nonzero(view.mouth)[0], np.nonzero(view.upper)[0]
        assert rows[0].mean() > rows[1].mean()


@pytest.mark.real
def test_a_larger_copy_of_the_frame_gives_the_same_view(
    clip: tuple[list[np.ndarray], TrackedFace],
) -> None:
    """Faces beyond MAX_SCALE are reduced; the view is of the same place."""
    frames, face = clip
    small = _views(frames, face)[0]
    zoom = 4
    large = [cv2.resize(f, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC) for f in frames]
    to_frame = face.alignment.to_frame * zoom
    to_frame[:, :, 2] += (zoom - 1) / 2
    points = face.track.points * zoom + (zoom - 1) / 2
    track = FaceTrack(
        points.astype(np.float32),
        face.found,
        face.track.confidence,
        face.track.cuts,
        Fraction(25),
        face.scheme,
    )
    big = TrackedFace(track, Alignment(to_frame.astype(np.float32)))
    assert view_scale(big) == MAX_SCALE
    view = _views(large, big)[0]
    same = cv2.resize(view.picture, small.picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    inside = small.inside
    assert np.abs(same.astype(float) - small.picture)[inside].mean() < 3


@pytest.mark.real
def test_what_lies_outside_of_the_frame_is_in_no_region(
    clip: tuple[list[np.ndarray], TrackedFace],
) -> None:
    frames, face = clip
    chin = int(face.jaw[0, :, 1].max()) - 10  # the picture ends above the chin's end
    cut = [frame[:chin] for frame in frames]
    view = _views(cut, face)[0]
    assert not view.inside.all()
    assert not (view.lower & ~view.inside).any()
    assert not (view.surround & ~view.inside).any()
