"""A heat map is hot where a face was changed, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.face_view import FaceView, view_faces
from lipsync.inspection.questions import QUESTIONS
from lipsync.report.heat_map import MAPS, color_heat, draw_heat
from lipsync.report.inspection_words import TEXT
from lipsync.runtime.cache import Cache

pytestmark = pytest.mark.real
CHANGED = 20  # the frame that is changed
Change = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def recording(shared: Path) -> tuple[list[np.ndarray], TrackedFace]:
    info = media.probe(shared / "data" / "grid_s4" / "bbilzs.mp4")
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    return list(media.read_frames(info, 0, CHANGED + 1)), TrackedFace.of(track)


def _views(
    recording: tuple[list[np.ndarray], TrackedFace], change: Change | None = None
) -> tuple[FaceView, FaceView]:
    """The frame before, and the frame, whose lower face was changed."""
    frames, face = recording
    frames = list(frames)
    if change is not None:
        mask = np.zeros(frames[CHANGED].shape[:2], np.uint8)
        cv2.fillPoly(mask, [face.outlines()[CHANGED].round().astype(np.int32)], 1)
        before = frames[CHANGED]
        frames[CHANGED] = np.where(mask[..., None] > 0, change(before), before)
    views = list(view_faces(frames, face))
    return views[CHANGED - 1], views[CHANGED]


def _shift_tint(frame: np.ndarray) -> np.ndarray:
    return np.clip(frame + np.array([14, -4, -10]), 0, 255).astype(np.uint8)


def _lighter_and_darker(frame: np.ndarray) -> np.ndarray:
    return np.clip(frame.astype(int) + 18, 0, 255).astype(np.uint8)


def _noisy(frame: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("question", "place", "change"),
    [
        ("blur", "lower", lambda frame: cv2.GaussianBlur(frame, (0, 0), 1.6)),
        ("flicker", "lower", _lighter_and_darker),
        ("skin_tone", "lower", _shift_tint),
        ("double_edges", "mouth", lambda frame: frame // 2 + np.roll(frame, 10, axis=0) // 2),
        ("noise", "lower", _noisy),
        ("compression", "lower", _noisy),
    ],
)
def test_the_map_is_hot_where_the_face_was_changed(
    recording: tuple[list[np.ndarray], TrackedFace], question: str, place: str, change: Change
) -> None:
    """Hotter than in the frame as recorded, and hotter there than in the upper face."""
    before, plain = _views(recording)
    _, changed = _views(recording, change)
    calm, hot = (draw_heat(question, one, before) for one in (plain, changed))
    assert calm is not None
    assert hot is not None
    region = getattr(plain, place)
    here, elsewhere = (float(hot[..., 3][one].mean()) for one in (region, plain.upper))
    assert here > float(calm[..., 3][region].mean()) + 10
    assert here > elsewhere + 10


def test_movement_is_hot_where_lips_move_and_needs_the_frame_before(
    recording: tuple[list[np.ndarray], TrackedFace],
) -> None:
    before, view = _views(recording, lambda frame: np.roll(frame, 6, axis=0))
    heat = draw_heat("sync", view, before)
    assert heat is not None
    assert heat[..., 3][view.lower].mean() > heat[..., 3][view.upper].mean() + 20
    assert draw_heat("sync", view, None) is None


def test_every_map_is_within_the_face_and_has_words(
    recording: tuple[list[np.ndarray], TrackedFace],
) -> None:
    before, view = _views(recording)
    assert set(MAPS) <= set(QUESTIONS)
    far = cv2.distanceTransform((~view.face).astype(np.uint8), cv2.DIST_L2, 3) > 0.2 * view.scale
    for question in QUESTIONS:
        heat = draw_heat(question, view, before)
        assert (heat is None) == (question not in MAPS)
        if heat is not None:
            assert heat.shape == (*view.picture.shape[:2], 4)
            assert not heat[..., 3][far].any(), question
            assert TEXT[f"heat.{question}"]


def test_cold_is_clear() -> None:
    colors = color_heat(np.array([[0.0, 0.2, 1.0]], np.float32))
    assert colors[0, 0, 3] == 0 < colors[0, 1, 3] < colors[0, 2, 3]
