from __future__ import annotations

import numpy as np
import pytest

from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap.face_crop import (
    INNER,
    OUTLINE,
    canonical_to_crop,
    crop_face,
    face_outlines,
    grow_outline,
    hull_outline,
    invert_affine,
    smooth_landmarks,
)
from tests.support.faces import similarity, track_of


def test_the_inner_part_is_160_of_256_pixels() -> None:
    """A network of 64 pixels sees pixel edges 48 … 208 of a 256 pixel face (docs/method.md §9)."""
    to_inner = compose_affine(canonical_to_crop(64, INNER), invert_affine(canonical_to_crop(256)))
    edges = np.array([[47.5, 47.5], [207.5, 207.5]], np.float32)  # in pixel centers
    assert apply_affine(to_inner, edges) == pytest.approx(
        np.array([[-0.5, -0.5], [63.5, 63.5]]), abs=1e-3
    )


@pytest.mark.parametrize("scale", [30.0, 71.0, 160.0])
def test_a_face_is_cut_where_it_lies(scale: float) -> None:
    """A picture whose colors are its own canonical coordinates comes back as those."""
    to_frame = similarity(scale, 0.2, 300, 250)
    y, x = np.mgrid[:600, :640].astype(np.float32)
    canonical = apply_affine(invert_affine(to_frame), np.stack([x, y], -1).reshape(-1, 2)).reshape(
        600, 640, 2
    )
    coded = np.clip(128 + 60 * canonical, 0, 255)
    frame = np.concatenate([coded, np.zeros((600, 640, 1))], -1).round().astype(np.uint8)
    face = crop_face(frame, to_frame, 96, INNER)
    v, u = np.mgrid[:96, :96].astype(np.float32)
    place = apply_affine(
        invert_affine(canonical_to_crop(96, INNER)), np.stack([u, v], -1).reshape(-1, 2)
    )
    wanted = 128 + 60 * place.reshape(96, 96, 2)
    inside = (wanted > 3).all(-1) & (wanted < 252).all(-1)
    assert np.abs(face[..., :2] - wanted)[inside].max() < 1.5  # levels: 0.025 eye distances


def test_the_hull_of_a_circle_is_the_circle() -> None:
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    circle = np.stack([40 + 17 * np.cos(angles), 30 + 17 * np.sin(angles)], 1).astype(np.float32)
    inside = np.random.default_rng(0).uniform(30, 38, (50, 2)).astype(np.float32)
    outline = hull_outline(np.concatenate([inside, circle]))
    assert outline.shape == (OUTLINE, 2)
    radius = np.linalg.norm(outline - (40, 30), axis=1)
    assert radius == pytest.approx(17, abs=0.02)
    assert np.linalg.norm(grow_outline(outline, 0.5) - (40, 30), axis=1) == pytest.approx(
        25.5, abs=0.05
    )


def test_the_hull_of_a_square_reaches_its_corners() -> None:
    square = np.array([(0, 0), (10, 0), (10, 10), (0, 10)], np.float32)
    outline = hull_outline(square)
    on_edge = np.isclose(np.abs(outline - 5).max(1), 5, atol=1e-3)
    assert on_edge.all()


def test_outlines_follow_the_head_and_stay_in_what_is_seen() -> None:
    poses = [similarity(60, 0.0, 200 + 2 * i, 150) for i in range(12)]
    face = TrackedFace.of(track_of(poses))
    landmarks = smooth_landmarks(face)
    outlines = face_outlines(face, landmarks)
    step = np.diff(outlines.mean(1), axis=0)
    assert step == pytest.approx(np.tile([2.0, 0.0], (11, 1)), abs=0.05)
    wide = face_outlines(face, landmarks, 5.0)
    seen = apply_affine(face.alignment.to_canonical, wide)
    assert np.abs(seen - (0, 0.45)).max() <= 3.6 * INNER / 2
