from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.transform import SimilarityTransform

from lipsync.face.schemes import MEDIAPIPE_478
from lipsync.face.similarity import apply_affine
from lipsync.faceswap import face_crop
from lipsync.faceswap.face_crop import canonical_to_crop, eye_boxes, mouth_box
from lipsync.types import F32
from tests.support.faces import canonical_face
from training.face_autoencoder import augment
from training.face_autoencoder.augment import FaceAugmentation

STILL = FaceAugmentation(0, 0, 0, 0, 0, 0)
S = 256


def smooth(size: int = S) -> np.ndarray:
    """A picture without detail finer than 20 pixels."""
    noise = np.random.default_rng(1).uniform(0, 255, (size, size, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 12)
    return cv2.normalize(soft, None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)


def points(size: int = S) -> F32:
    return apply_affine(canonical_to_crop(size), canonical_face())


@pytest.mark.parametrize("size", [64, 96, 112, 128])
def test_without_jitter_input_and_target_are_the_same_picture(size: int) -> None:
    rng = np.random.default_rng(0)
    drawn = augment.make_sample(smooth(), points(), [], rng, size, STILL)
    off = np.abs(drawn.warped.astype(int) - drawn.target)
    assert off.max() <= 2  # levels
    plain = augment.crop_inner(smooth(), size)
    assert np.abs(plain.astype(int) - drawn.target).max() <= 2


def test_the_grid_is_that_of_the_first_programs() -> None:
    """Nodes linspace(48, 208, 5) resized to 80 and cropped 8:72 (docs/method.md §9)."""
    nodes = augment.jitter_nodes(np.random.default_rng(0), S, 0.0)
    assert nodes[0, :, 0] + 0.5 == pytest.approx([48, 88, 128, 168, 208])
    theirs = cv2.resize(nodes, (80, 80), interpolation=cv2.INTER_LINEAR)[8:72, 8:72]
    assert np.array_equal(augment.warp_map(nodes, 64), theirs)
    # Its pixels lie at the middles of 64 equal parts of 48 … 208.
    middles = 48 + (np.arange(64) + 0.5) * 2.5 - 0.5
    assert theirs[30, :, 0] == pytest.approx(middles, abs=0.02)


def test_jitter_has_the_spread_it_says() -> None:
    rng = np.random.default_rng(0)
    regular = augment.jitter_nodes(rng, S, 0.0)
    off = np.stack([augment.jitter_nodes(rng, S, 5.0) - regular for _ in range(400)])
    assert off.std() == pytest.approx(5.0, rel=0.03)
    assert abs(off.mean()) < 0.1


def test_a_known_similarity_of_the_nodes_is_undone() -> None:
    nodes = augment.jitter_nodes(np.random.default_rng(0), S, 0.0)
    moved = apply_affine(
        augment.random_similarity(np.random.default_rng(3), S, FaceAugmentation(flip=0)), nodes
    )
    back = augment.straightening_similarity(moved, 64)
    at = np.linspace(0, 64, 5) - 0.5
    regular = np.stack(np.meshgrid(at, at), -1)
    assert apply_affine(back, moved.reshape(-1, 2)).reshape(5, 5, 2) == pytest.approx(
        regular, abs=2e-3
    )


def test_the_fit_is_umeyamas() -> None:
    """Another implementation of Umeyama 1991 finds the same matrix."""
    nodes = augment.jitter_nodes(np.random.default_rng(5), S, 5.0)
    at = np.linspace(0, 64, 5) - 0.5
    regular = np.stack(np.meshgrid(at, at), -1)
    theirs = SimilarityTransform.from_estimate(nodes.reshape(-1, 2), regular.reshape(-1, 2))
    assert augment.straightening_similarity(nodes, 64) == pytest.approx(theirs.params[:2], abs=1e-4)


def test_turns_zooms_and_shifts_stay_in_their_bounds() -> None:
    how = FaceAugmentation()
    turns, zooms, shifts, flips = [], [], [], []
    for seed in range(600):
        matrix = augment.random_similarity(np.random.default_rng(seed), S, how)
        flipped = np.linalg.det(matrix[:, :2]) < 0
        linear = matrix[:, :2] * ([-1, 1] if flipped else [1, 1])
        turns.append(np.degrees(np.arctan2(linear[1, 0], linear[0, 0])))
        zooms.append(np.sqrt(abs(np.linalg.det(linear))) - 1)
        shifts.append((apply_affine(matrix, np.full((1, 2), 127.5, np.float32)) - 127.5) / S)
        flips.append(flipped)
    assert 9 < np.abs(turns).max() <= 10.001
    assert 0.045 < np.abs(zooms).max() <= 0.05001
    assert 0.045 < np.abs(shifts).max() <= 0.05001
    assert np.mean(flips) == pytest.approx(0.4, abs=0.06)


def test_masks_move_with_the_face() -> None:
    """The mask of a picture that is white where the face is, is that picture."""
    face = np.zeros((S, S, 3), np.uint8)
    marks = points()
    cv2.fillConvexPoly(face, np.round(face_crop.hull_outline(marks)).astype(np.int32), (255,) * 3)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        drawn = augment.make_sample(face, marks, [], rng, 96, FaceAugmentation())
        both = (drawn.target[..., 0] > 127) == (drawn.mask > 127)
        assert both.mean() > 0.985


def test_what_is_held_before_a_face_is_in_the_input_and_not_in_the_target() -> None:
    eyes = [(np.array([x, 100], np.float32), 16.0) for x in (100, 156)]
    how = FaceAugmentation(0, 0, 0, 0, 0, occluders=1.0)
    face = smooth()
    clear = augment.make_sample(face, points(), eyes, np.random.default_rng(0), 96, STILL)
    hidden = []
    for seed in range(12):
        drawn = augment.make_sample(face, points(), eyes, np.random.default_rng(seed), 96, how)
        assert np.abs(drawn.target.astype(int) - clear.target).max() <= 1
        changed = np.abs(drawn.shown.astype(int) - clear.target).max(-1) > 24
        assert (drawn.mask[changed] < 128).mean() > 0.9
        hidden.append((clear.mask > drawn.mask).mean())
    assert np.median(hidden) > 0.01
    # Two ellipses of 16 by 0.6 · 16 pixels of the 160 × 160 that are seen.
    assert (clear.eyes > 0).mean() == pytest.approx(2 * np.pi * 0.6 * 16**2 / 160**2, rel=0.3)


def test_boxes_of_the_eyes_lie_between_their_corners() -> None:
    marks = np.zeros((478, 2), np.float32)
    marks[list(MEDIAPIPE_478.anchors[:4])] = [(10, 20), (30, 20), (50, 22), (70, 22)]
    (left, half), (right, _) = eye_boxes(marks, MEDIAPIPE_478)
    assert left.tolist() == [20, 20]
    assert right.tolist() == [60, 22]
    assert half == 15


def test_the_box_of_the_mouth_holds_the_lips() -> None:
    marks = np.zeros((478, 2), np.float32)
    lips = np.array([(30 + 2 * i, 60 + i % 5) for i in range(18)], np.float32)
    marks[list(MEDIAPIPE_478.lips)] = lips
    middle, half = mouth_box(marks, MEDIAPIPE_478)
    assert middle == pytest.approx(lips.mean(0))
    assert half == pytest.approx(0.65 * 34)


def test_the_same_key_draws_the_same_sample() -> None:
    how = FaceAugmentation(occluders=0.5)
    one, other = (
        augment.make_sample(smooth(), points(), [], np.random.default_rng((1, 2, 3)), 64, how)
        for _ in range(2)
    )
    assert all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )
