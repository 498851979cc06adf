"""The regression that corrects a median: against functions and footage that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks
from lipsync.mouth.bank import shape_free
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.mouth.bank.shape_free import SIZE
from lipsync.mouth.texture import TextureOptions
from lipsync.mouth.texture.median import MedianTexture
from lipsync.mouth.texture.regression import LIMIT, MIN_ENTRIES, Regression, add_correction
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import LipTrack

RNG = np.random.default_rng(5)
EVEN = np.linspace(0, 1, SIZE, dtype=np.float32)


def shown(described: np.ndarray) -> np.ndarray:
    """Pictures that bend with the first number and tilt with the second, levels."""
    bent = 40 * described[:, 0, None, None] ** 2 * EVEN[:, None]
    tilted = 30 * described[:, 1, None, None] * EVEN[None, :]
    return np.repeat((120 + bent + tilted)[..., None], 3, axis=-1)


@pytest.fixture
def learned() -> tuple[Regression, np.ndarray]:
    described = RNG.uniform(-1, 1, (800, 6)).astype(np.float32)
    pictures = np.rint(shown(described)).astype(np.uint8)
    gains = np.ones((800, 3), np.float32)
    return Regression(described, pictures, gains, np.ones(800, bool)), described


def test_what_one_sided_candidates_lack_is_told(learned) -> None:
    regression, described = learned
    wanted = np.array([[0.5, -0.3, 0, 0, 0, 0]], np.float32)
    # The nearest of those that are all less open and more tilted.
    sided = np.flatnonzero((described[:, 0] < 0.4) & (described[:, 1] > -0.2))
    off = np.linalg.norm(described[sided] - wanted, axis=1)
    entries = sided[np.argsort(off)[:20]]
    weights = np.full(20, 1 / 20, np.float32)
    lacking = shown(wanted)[0] - shown(described[entries]).mean(0)
    told = regression.predict_correction(wanted[0], entries, weights)
    assert np.abs(lacking).max() > 8, "there is something to correct"
    assert np.abs(told - lacking).mean() < 0.3 * np.abs(lacking).mean()


def test_candidates_that_surround_the_wanted_mouth_need_no_correction(learned) -> None:
    regression, described = learned
    told = regression.predict_correction(described[17], np.array([17]), np.ones(1, np.float32))
    assert np.abs(told).max() < 1e-3


def test_far_from_all_that_is_known_the_correction_stays_small(learned) -> None:
    regression, _ = learned
    told = regression.predict_correction(
        np.full(6, 100, np.float32), np.array([0, 1]), np.full(2, 0.5, np.float32)
    )
    assert np.isfinite(told).all()
    assert np.abs(told).max() <= LIMIT


def test_pictures_in_another_light_are_brought_to_one() -> None:
    """Half of the entries are darker: that is light, and not what their numbers say."""
    described = RNG.uniform(-1, 1, (800, 6)).astype(np.float32)
    described[:, 0] = np.sort(described[:, 0])
    dark = np.repeat(np.array([0.5, 1.0], np.float32), 400)
    pictures = np.rint(np.full((800, SIZE, SIZE, 3), 120) * dark[:, None, None, None])
    gains = np.repeat(1 / dark[:, None], 3, axis=1).astype(np.float32)
    regression = Regression(described, pictures.astype(np.uint8), gains, np.ones(800, bool))
    told = regression.predict_correction(described[700], np.array([100]), np.ones(1, np.float32))
    assert np.abs(told).max() < 1


def test_a_correction_is_added_where_it_belongs_and_nowhere_else() -> None:
    picture = np.full((60, 50, 3), 100, np.uint8)
    correction = np.zeros((SIZE, SIZE, 3), np.float32)
    correction[SIZE // 2 :] = 10
    left, top, right, bottom = shape_free.REGION
    x, y = np.linspace(left, right, 50), np.linspace(top, bottom, 60)
    places = np.stack(np.meshgrid(x, y), -1).astype(np.float32)
    where = np.zeros((60, 50), np.float32)
    where[:, 25:] = 1
    made = add_correction(picture, correction, places, where).astype(int)
    assert (made[:, :25] == 100).all()
    assert (made[:27, 25:] == 100).all()
    assert (made[33:, 25:] == 110).all()


def test_bent_to_one_shape_all_pictures_of_a_face_are_alike() -> None:
    """One smooth picture seen in 30 shapes and places: without its shape it is always the same."""
    base = np.stack(np.meshgrid(np.linspace(-0.7, 0.7, 6), np.linspace(0.2, 1.6, 6)), -1)
    base = base.reshape(-1, 2)
    crops = np.empty((30, 200, 200, 3), np.uint8)
    control = np.empty((30, 36, 2), np.float32)
    to_crop = np.empty((30, 2, 3), np.float32)
    x, y = np.meshgrid(np.arange(200), np.arange(200))
    for i in range(30):
        scale, gap = RNG.uniform(90, 110), RNG.uniform(0.8, 1.2)
        shift = RNG.uniform(-5, 5, 2) + np.array([100, 10])
        to_crop[i] = [[scale, 0, shift[0]], [0, scale, shift[1]]]
        seen = base * [1, gap]
        control[i] = seen * scale + shift
        u, v = (x - shift[0]) / scale, (y - shift[1]) / scale / gap
        crops[i] = np.stack([120 + 60 * np.sin(4 * u), 120 + 60 * np.cos(5 * v), 120 + 0 * u], -1)
    usual = shape_free.mean_shape(control, to_crop)
    made = shape_free.warp_to_mean_shape(crops, 1, control, usual)[:, 6:-6, 6:-6].astype(float)
    assert made.std(0).max() < 4
    assert made.mean(0)[..., 1].std() > 20, "there is something in the picture"


@pytest.mark.real
def test_unseen_mouths_of_a_woman_come_out_nearer(shared: Path, tmp_path: Path) -> None:
    """Three seconds that the bank does not hold, with and without the correction."""
    info = media.probe(shared / "data" / "targets" / "grid_s4_60s.mp4")
    with Cache(tmp_path) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
        footage = Footage.of([VideoSpeech(info)], [track])
        face = footage.face
        bank, appearance = footage.collect_bank(BankOptions(), cache)
        order = np.arange(600, 675)
        near = (bank.frames >= 575) & (bank.frames < 700)
        bank = replace(bank, quality=np.where(near, 0, bank.quality).astype(np.float32))
        assert (bank.quality > 0).sum() > MIN_ENTRIES
        wanted = WantedMouths(
            LipTrack(face.lips.points[order], face.fps),
            face,
            order,
            skin_color=appearance.skin_color[order],
        )
        true = {i: f for i, f in enumerate(media.read_frames(info)) if i in set(order.tolist())}
        off = {}
        for regression in (False, True):
            source = MedianTexture(bank, TextureOptions(regression=regression))
            errors = []
            patches = source.draw_patches(wanted)
            for frame, patch in zip(order.tolist(), patches, strict=True):
                assert patch is not None
                x, y = (-patch.from_frame[:, 2]).astype(int)
                height, width = patch.rgb.shape[:2]
                inner = np.zeros((height, width), np.uint8)
                outline = face.outlines(0.13)[frame] - [x, y]
                cv2.fillPoly(inner, [np.rint(outline).astype(np.int32)], 1)
                error = true[frame][y : y + height, x : x + width].astype(float) - patch.rgb
                error = error[inner > 0]
                errors.append(np.square(error - error.mean(0)).mean())  # whatever the light
            off[regression] = float(np.mean(errors))
    assert off[True] < 0.93 * off[False]
