from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import savgol_filter

from lipsync.errors import NoFaceError
from lipsync.face.alignment import align
from lipsync.face.schemes import SCHEMES
from lipsync.face.similarity import apply_affine, compose_affine, fit_similarity, to_complex
from lipsync.face.smoothing import smooth, smooth_points
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.positions import sample_at
from lipsync.types import Alignment, LipTrack
from tests.support.faces import FPS, canonical_face, mouth, similarity, track_of


def test_a_known_similarity_is_recovered() -> None:
    points = canonical_face()[:30]
    pose = similarity(73.0, 0.3, 150.0, 90.0)
    a, b = fit_similarity(to_complex(points), to_complex(apply_affine(pose, points)))
    assert abs(a - 73.0 * np.exp(0.3j)) < 1e-3
    assert abs(b - (150 + 90j)) < 1e-3


def test_alignment_finds_the_pose_of_every_frame() -> None:
    # An evenly accelerated, turning, approaching head: the smoothing must not cut it short.
    t = np.arange(40) / 25
    poses = [similarity(60 + 8 * s, 0.1 * s, 100 + 30 * s * s, 80 - 9 * s) for s in t]
    alignment = align(track_of(poses))
    mouth_places = apply_affine(alignment.to_frame, np.repeat(mouth()[None], 40, 0))
    wanted = apply_affine(np.stack(poses), np.repeat(mouth()[None], 40, 0))
    assert np.abs(mouth_places - wanted).max() < 0.1  # px


def test_lips_do_not_depend_on_the_pose() -> None:
    openings = list(np.linspace(0, 0.2, 12))
    still = track_of([similarity(80, 0, 100, 100)] * 12, openings)
    rolled = track_of([similarity(50, -0.4, 300, 40)] * 12, openings)
    a, b = (TrackedFace.of(track).lips.points for track in (still, rolled))
    assert np.abs(a - b).max() < 1e-4
    assert np.abs(LipTrack(a, FPS).opening - openings).max() < 1e-3


def test_speech_does_not_move_the_alignment() -> None:
    pose = [similarity(80, 0.1, 100, 100)] * 30
    talking = track_of(pose, [0.1 + 0.1 * np.sin(i) for i in range(30)])
    assert np.allclose(align(talking).to_frame, align(track_of(pose)).to_frame, atol=1e-3)


def test_landmark_noise_is_smoothed_away_and_smoothing_stops_at_cuts() -> None:
    rng = np.random.default_rng(1)
    pose_a, pose_b = similarity(80, 0, 100, 100), similarity(80, 0, 160, 100)
    track = track_of([pose_a] * 30 + [pose_b] * 30)
    noisy = track.points + rng.normal(0, 0.5, track.points.shape).astype(np.float32)
    track = replace(track, points=noisy, cuts=np.array([30], np.int64))
    smoothed, raw = align(track), align(track, smoothing_s=0)
    truth = np.array([100.0] * 30 + [160.0] * 30)
    assert np.abs(smoothed.to_frame[:, 0, 2] - truth).max() < 0.6  # px; a leak would be tens
    assert np.std(smoothed.to_frame[:, 0, 2] - truth) < 0.7 * np.std(raw.to_frame[:, 0, 2] - truth)


def test_frames_without_a_face_carry_their_neighbors_fit() -> None:
    poses = [similarity(80, 0, 100 + i, 100) for i in range(30)]
    track = track_of(poses)
    points, found = track.points.copy(), track.found.copy()
    points[10:13], found[10:13] = np.nan, False
    alignment = align(replace(track, points=points, found=found))
    assert np.abs(alignment.to_frame - np.stack(poses)).max() < 0.05
    points[:], found[:] = np.nan, False
    with pytest.raises(NoFaceError):
        align(replace(track, points=points, found=found))


def test_there_and_back_is_the_identity() -> None:
    poses = np.stack([similarity(70, 0.2, 30, 40), similarity(20, -1, 3, 4)])
    alignment = Alignment(poses)
    identity = compose_affine(alignment.to_canonical, alignment.to_frame)
    assert np.allclose(identity, [[[1, 0, 0], [0, 1, 0]]] * 2, atol=1e-5)
    assert np.allclose(alignment.scale, [70, 20], rtol=1e-5)


def test_smoothing_leaves_an_accelerated_motion_alone() -> None:
    t = np.arange(50.0)
    path = (3 + 2 * t + 0.1 * t**2) + 1j * (5 - t)
    assert np.abs(smooth(path, 3) - path).max() < 1e-9


@pytest.mark.parametrize("n", [7, 20, 75])
def test_smoothing_equals_a_savitzky_golay_filter(n: int) -> None:
    noise = np.random.default_rng(0).normal(0, 300, (2, n, 5))
    want = savgol_filter(noise, 7, 2, axis=1, mode="interp")
    assert np.abs(smooth(noise[0] + 1j * noise[1], 3) - (want[0] + 1j * want[1])).max() < 1e-9


def test_smoothed_points_fill_gaps_within_a_shot_only() -> None:
    track = track_of([similarity(80, 0, 100 + i, 100) for i in range(20)])
    points, found = track.points.copy(), track.found.copy()
    points[4], found[4] = np.nan, False
    points[12:], found[12:] = np.nan, False
    holed = replace(track, points=points, found=found, cuts=np.array([12], np.int64))
    jaw = smooth_points(holed, track.scheme.jaw)
    assert np.abs(jaw[4] - track.points[4, list(track.scheme.jaw)]).max() < 0.05
    assert np.isnan(jaw[12:]).all()


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())
def test_schemes_name_points_that_exist_and_keep_lips_out_of_the_rigid_ones(scheme) -> None:
    every = scheme.lips + scheme.rigid + scheme.jaw + scheme.nose + scheme.anchors
    assert max(every) < scheme.count
    assert not set(scheme.lips) & set(scheme.rigid + scheme.jaw + scheme.anchors)
    assert len(set(scheme.warp)) == len(scheme.warp)


def test_values_between_two_frames_are_their_mean() -> None:
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(sample_at(values, np.array([2, 0])), values[[2, 0]])
    between = sample_at(values, np.array([2.0, 0.5, 2.25]))
    np.testing.assert_array_equal(between, [values[2], values[:2].mean(0), values[2] + 0.75])
    assert between.dtype == np.float32
    np.testing.assert_array_equal(sample_at(values, 1), values[1])
    np.testing.assert_array_equal(sample_at(values, 1.5), values[1:3].mean(0))
    flags = np.array([True, True, False])
    assert sample_at(flags, np.array([0.5, 1.5, 2.0])).tolist() == [True, False, False]


def test_positions_beyond_the_target_are_an_error() -> None:
    with pytest.raises(IndexError):
        sample_at(np.zeros(3, np.float32), np.array([2.5]))
