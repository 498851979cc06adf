"""Whose face it is, on real people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.alignment import align
from lipsync.face.identity import (
    SAME_PERSON,
    compare_faces,
    find_other_identities,
    make_face_thumbnail,
)
from lipsync.types import F32


def faces(file: Path, count: int = 4) -> list[F32]:
    info = media.probe(file)
    shown = list(media.read_frames(info, 0, min(30, info.frame_count)))
    track = landmarks.track_face(shown, info.fps, landmarks.LandmarkOptions())
    alignment = align(track)
    some = np.linspace(0, len(shown) - 1, count).astype(int)
    return [make_face_thumbnail(shown[i], alignment.to_frame[i]) for i in some]


@pytest.fixture(scope="module")
def people(shared: Path) -> dict[str, list[list[F32]]]:
    data = shared / "data"
    return {
        name: [faces(file) for file in sorted((data / name).glob("*.m*"))[:10:5]]
        for name in ("grid_s1", "grid_s4", "grid_s26", "grid_s31")
    }


@pytest.mark.real
def test_two_clips_of_a_person_are_alike_and_two_people_are_not(
    people: dict[str, list[list[F32]]],
) -> None:
    for name, clips in people.items():
        for clip in clips[1:]:
            assert compare_faces(clips[0], clip) > SAME_PERSON, name
        for other, others in people.items():
            if other != name:
                assert compare_faces(clips[0], others[0]) < SAME_PERSON, (name, other)


@pytest.mark.real
def test_the_stranger_among_the_shots_is_found(people: dict[str, list[list[F32]]]) -> None:
    s1, s4 = people["grid_s1"], people["grid_s4"]
    shots = {0: s1[0], 1: s4[0], 2: s1[1]}

    assert find_other_identities(shots, {0: 75, 1: 75, 2: 74}) == [1]
    assert find_other_identities(shots, {0: 10, 1: 75, 2: 10}) == [0, 2], (
        "the longest shot tells who it is"
    )
    assert find_other_identities({}, {}) == []


def test_who_is_like_one_shot_of_a_person_is_that_person() -> None:
    rng = np.random.default_rng(8)
    first, last, someone = (rng.normal(size=(40, 56)).astype(np.float32) for _ in range(3))
    between = (first + 1.3 * last).astype(np.float32)
    shots = {0: [first], 1: [last], 2: [between], 3: [someone]}
    assert compare_faces([first], [last]) < SAME_PERSON < compare_faces([between], [last])

    between_both = {**shots, 2: [between, first + last / 2]}

    assert find_other_identities(between_both, dict.fromkeys(shots, 10)) == [3]


def test_light_and_contrast_do_not_change_who_it_is() -> None:
    rng = np.random.default_rng(3)
    frame = rng.integers(40, 160, (200, 200, 3)).astype(np.uint8)
    frame = np.repeat(np.repeat(frame[::8, ::8], 8, 0), 8, 1)
    pose = np.array([[90, 0, 100], [0, 90, 80]], np.float32)
    ramp = np.linspace(0.7, 1.5, 200)[None, :, None]
    lit = np.clip(frame * ramp, 0, 255).astype(np.uint8)

    assert (
        compare_faces([make_face_thumbnail(frame, pose)], [make_face_thumbnail(lit, pose)]) > 0.95
    )


def test_a_face_outside_of_the_frame_shows_nothing() -> None:
    frame = np.full((50, 50, 3), 90, np.uint8)
    away = np.array([[20, 0, 400], [0, 20, 400]], np.float32)

    assert not make_face_thumbnail(frame, away).any()
    assert (
        compare_faces([make_face_thumbnail(frame, away)], [make_face_thumbnail(frame, away)]) == 0
    )
