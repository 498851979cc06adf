"""The appearance model: against pictures that are known functions, and against real footage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.similarity import apply_affine
from lipsync.face.thin_plate import SMOOTHING, ThinPlate
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.mouth.texture.appearance_model import (
    MARGIN,
    MIN_ENTRIES,
    AppearanceModel,
    fill_covered,
)
from lipsync.mouth.texture.median import MedianTexture
from lipsync.mouth.texture.shape_space import ShapeSpace
from lipsync.mouth.texture.source import TextureOptions
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import Alignment, LipTrack, MouthBank

RNG = np.random.default_rng(3)
SIDE = 20
LIT = np.ones((300, 3), np.float32)


def paint(described: np.ndarray) -> np.ndarray:
    """Pictures (n, SIDE, SIDE, 3), levels, that bend smoothly with what they are described by."""
    x, y = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))
    pictures = [120 + 40 * np.sin(2 * x + d[0]) + 30 * d[1] * y + 20 * d[0] ** 2 for d in described]
    return np.repeat(np.stack(pictures)[..., None], 3, axis=3)


@pytest.fixture(scope="module")
def described() -> np.ndarray:
    return RNG.uniform(-1, 1, (300, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def learned(described: np.ndarray) -> AppearanceModel:
    return AppearanceModel.fit(described, np.rint(paint(described)).astype(np.uint8), LIT)


def test_unseen_pictures_are_predicted(learned: AppearanceModel) -> None:
    wanted = RNG.uniform(-0.8, 0.8, (40, 5)).astype(np.float32)
    made = learned.draw(learned.predict(wanted))
    assert made.shape == (40, SIDE, SIDE, 3)
    off = np.abs(made - paint(wanted)).mean()
    usual = np.abs(paint(wanted) - paint(wanted).mean(0)).mean()
    assert off < 0.1 * usual


def test_noise_of_single_entries_is_not_learned(described: np.ndarray) -> None:
    pictures = np.clip(paint(described) + RNG.normal(0, 15, (300, SIDE, SIDE, 3)), 0, 255)
    model = AppearanceModel.fit(described, np.rint(pictures).astype(np.uint8), LIT)
    made = model.draw(model.predict(described))
    assert np.abs(made - paint(described)).mean() < 5  # the noise's own mean is 12


def test_a_small_step_is_a_small_change(learned: AppearanceModel) -> None:
    """Two neighboring frames hardly differ: nothing is chosen, so nothing can jump."""
    start, end = RNG.uniform(-1, 1, (2, 5)).astype(np.float32)
    path = start + np.linspace(0, 1, 101, dtype=np.float32)[:, None] * (end - start)
    steps = np.abs(np.diff(learned.draw(learned.predict(path)), axis=0)).mean((1, 2, 3))
    assert steps.max() < 3 * steps.mean()


def test_far_from_all_that_is_known_pictures_stay_within_what_was_seen(
    learned: AppearanceModel, described: np.ndarray
) -> None:
    far = learned.draw(learned.predict(np.full((1, 5), 50, np.float32)))[0]
    seen = paint(described)
    reach = (0.5 + MARGIN) * (seen.max() - seen.min())
    assert far.min() > seen.min() - reach
    assert far.max() < seen.max() + reach


def test_pictures_in_another_light_are_brought_to_one(described: np.ndarray) -> None:
    dark = np.where(np.arange(300) % 2, 0.5, 1.0).astype(np.float32)
    pictures = np.rint(paint(described) * dark[:, None, None, None]).astype(np.uint8)
    gains = np.repeat(1 / dark[:, None], 3, axis=1).astype(np.float32)
    model = AppearanceModel.fit(described, pictures, gains)
    off = model.draw(model.predict(described[:20])) - paint(described[:20])
    assert np.abs(off).mean() < 3


def test_covered_cells_are_filled_with_what_others_show() -> None:
    pictures = np.full((4, 8, 8, 3), 100, np.uint8)
    pictures[0, :4, :4] = 250  # something before the face
    valid = np.ones((4, 4, 4), bool)
    valid[0, :2, :2] = False
    assert (fill_covered(pictures, valid) == 100).all()


def bent_bank() -> MouthBank:
    """One smooth picture seen in 30 shapes and places."""
    rng = np.random.default_rng(4)
    base = np.stack(np.meshgrid(np.linspace(-0.7, 0.7, 6), np.linspace(0.2, 1.6, 6)), -1)
    base = base.reshape(-1, 2)
    crops = np.empty((30, 200, 200, 3), np.uint8)
    control = np.empty((30, 36, 2), np.float32)
    to_crop = np.empty((30, 2, 3), np.float32)
    x, y = np.meshgrid(np.arange(200), np.arange(200))
    for i in range(30):
        scale, gap = rng.uniform(90, 110), rng.uniform(0.8, 1.2)
        shift = rng.uniform(-5, 5, 2) + np.array([100, 10])
        to_crop[i] = [[scale, 0, shift[0]], [0, scale, shift[1]]]
        control[i] = base * [1, gap] * scale + shift
        u, v = (x - shift[0]) / scale, (y - shift[1]) / scale / gap
        crops[i] = np.stack([120 + 60 * np.sin(4 * u), 120 + 60 * np.cos(5 * v), 120 + 0 * u], -1)
    none = np.zeros(30, np.int64)
    return MouthBank(
        lips=np.zeros((30, 18, 2), np.float32),
        pose=np.zeros((30, 3, 2), np.float32),
        control=control,
        to_crop=to_crop,
        crops=crops,
        thumbnails=np.zeros((30, 4), np.float32),
        quality=np.ones(30, np.float32),
        frames=none,
        shots=none,
    )


def test_bent_to_one_shape_all_pictures_of_a_face_are_alike() -> None:
    """Without its shape the picture is always the same."""
    bank = bent_bank()
    space = ShapeSpace.of(bank)
    inset = space.cells.across // 10
    made = space.warp(bank, np.arange(30))[:, inset:-inset, inset:-inset].astype(float)
    assert made.std(0).max() < 4
    assert made.mean(0)[..., 1].std() > 20, "there is something in the picture"


def test_out_of_the_mean_shape_leads_where_the_way_in_came_from() -> None:
    """A mouth that is half as high again, as an open one: there and back ends where it began."""
    bank = bent_bank()
    space = ShapeSpace.of(bank)
    control = apply_affine(Alignment(bank.to_crop).to_canonical, bank.control)[0]
    control[12:24, 1] += np.repeat([0.12, -0.12], 6)  # bent strongly in the middle
    inside = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(0.4, 1.4, 9)), -1)
    inside = inside.reshape(-1, 2).astype(np.float32)
    plate = ThinPlate(space.shape, inside, SMOOTHING)
    there = plate.map_to(control)
    about = ThinPlate(control, there, SMOOTHING).map_to(space.shape)
    back = space.locate(control, there, about)
    assert np.abs(back - inside).max() < 0.006
    assert np.abs(about - inside).max() > 0.01, "the second plate alone does not undo the first"


def test_a_linear_look_needs_no_picture(learned: AppearanceModel) -> None:
    wanted = learned.predict(RNG.uniform(-1, 1, (5, 5)).astype(np.float32))
    mean_of_rows = learned.map_linearly(lambda pictures: pictures.mean((2, 3)))
    np.testing.assert_allclose(
        mean_of_rows(wanted), learned.draw(wanted).mean((2, 3)), rtol=1e-4, atol=1e-2
    )


@pytest.mark.real
def test_unseen_mouths_of_a_woman_come_out_nearer(shared: Path, tmp_path: Path) -> None:
    """Three seconds that the bank does not hold, with the model and with the median alone."""
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
        true = list(media.read_frames(info, 600, 675))
        off = {}
        for modeled in (False, True):
            source = MedianTexture(bank, TextureOptions(regression=modeled))
            errors = []
            for i, patch in enumerate(source.draw_patches(wanted)):
                assert patch is not None
                x, y = (-patch.from_frame[:, 2]).astype(int)
                height, width = patch.rgb.shape[:2]
                inner = np.zeros((height, width), np.uint8)
                outline = face.outlines(0.13)[order[i]] - [x, y]
                cv2.fillPoly(inner, [np.rint(outline).astype(np.int32)], 1)
                error = true[i][y : y + height, x : x + width].astype(float) - patch.rgb
                error = error[inner > 0]
                errors.append(np.square(error - error.mean(0)).mean())  # whatever the light
            off[modeled] = float(np.mean(errors))
    assert off[True] < 0.9 * off[False]
