"""Lips turn with the head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.face import head_pose, landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.cache import Cache
from lipsync.types import LipTrack
from tests.support.faces import turned_head

N = 80


@pytest.mark.parametrize(("yaw", "pitch"), [(25.0, 0.0), (0.0, 18.0), (-20.0, 12.0)])
def test_the_lips_of_a_turned_head_are_found_from_those_of_a_straight_one(
    yaw: float, pitch: float
) -> None:
    # Straight most of the time, so that this is the usual pose; then turned, slowly.
    course = np.concatenate([np.zeros(50), np.linspace(0, 1, 15), np.ones(15)])
    track = turned_head(yaw * course, pitch * course)
    face = TrackedFace.of(track)
    seen = face.lips.points
    straight = LipTrack(np.repeat(seen[:1], N, axis=0), track.fps)
    made = head_pose.turn_lips(straight, face, np.arange(N)).points
    assert np.array_equal(made[:45], straight.points[:45])
    off = np.linalg.norm(straight.points - seen, axis=-1)[-10:].mean()
    left = np.linalg.norm(made - seen, axis=-1)[-10:].mean()
    assert off > 0.01  # outer-eye distances
    assert left < 0.2 * off


def test_landmarks_without_depth_turn_nothing() -> None:
    track = turned_head(np.linspace(0, 30, N), np.zeros(N))
    flat = replace(track, points=track.points[..., :2].copy())
    face = TrackedFace.of(flat)
    assert head_pose.turn_lips(face.lips, face, np.arange(N)) is face.lips


def test_unknown_lips_stay_unknown() -> None:
    track = turned_head(np.concatenate([np.zeros(60), np.full(20, 25.0)]), np.zeros(N))
    face = TrackedFace.of(track)
    lips = LipTrack(face.lips.points.copy(), face.fps)
    lips.points[70] = np.nan
    made = head_pose.turn_lips(lips, face, np.arange(N))
    assert np.isnan(made.points[70]).all()
    assert np.isfinite(made.points[71]).all()


@pytest.mark.real
def test_shut_mouths_of_a_real_turned_head_are_nearer_to_the_turned_one(shared: Path) -> None:
    info = media.probe(shared / "data/targets/grid_s1_120s.mp4")
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    face = TrackedFace.of(track)
    lips = face.lips
    angle = head_pose.rotation_angles(head_pose.measure_turns(face).rotations)
    shut = lips.opening < np.nanpercentile(lips.opening, 25)
    usual = np.median(lips.points[shut & (angle < 3)], axis=0)
    straight = LipTrack(np.repeat(usual[None], len(track), axis=0), lips.rate)
    made = head_pose.turn_lips(straight, face, np.arange(len(track)))
    some = shut & (angle > 6)
    assert some.sum() > 10
    before, after = (
        np.sqrt(np.square(lips.points - one.points)[some].sum(-1).mean())
        for one in (straight, made)
    )
    assert after < 0.95 * before  # 0.0379 and 0.0428 outer-eye distances when it was written
