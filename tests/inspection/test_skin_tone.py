"""Skin tone across borders, on real faces whose tone is changed."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.inspection.shared_work import SharedWork
from lipsync.inspection.skin_tone import (
    PARTS,
    RINGS,
    SkinToneWatch,
    common_step,
    ring_tones,
    step_ratio,
)
from lipsync.types import U8
from tests.support.face_views import Clip, mix

REDDER = np.array([22.0, -15.0, 0.0], np.float32)


def measure(clip: Clip) -> dict[str, float]:
    return clip.measured(SkinToneWatch(SharedWork()))


def redden_lower(clip: Clip, i: int, frame: U8) -> U8:
    return mix(frame, frame + REDDER, clip.lower(i))


def redden_face(clip: Clip, i: int, frame: U8) -> U8:
    return mix(frame, frame + REDDER, clip.whole(i, 0.15))


def redden_every_other(clip: Clip, i: int, frame: U8) -> U8:
    return redden_lower(clip, i, frame) if i % 2 else frame


def redden_all(clip: Clip, i: int, frame: U8) -> U8:
    return mix(frame, frame + REDDER, np.ones((1, 1, 1), np.float32))


@pytest.mark.real
def test_another_tone_of_the_lower_face_steps_at_its_border(people: list[Clip]) -> None:
    real = [measure(clip) for clip in people]
    for clip, own in zip(people, real, strict=True):
        made = measure(clip.edited(redden_lower))
        assert made["skin_tone.step"] > own["skin_tone.step"] + 0.4


@pytest.mark.real
def test_a_face_of_another_hue_differs_from_neck_and_shadows(people: list[Clip]) -> None:
    for clip in people:
        own, made = measure(clip), measure(clip.edited(redden_face))
        assert made["skin_tone.hue"] > own["skin_tone.hue"] + 5


@pytest.mark.real
def test_a_wandering_tone_drifts(people: list[Clip]) -> None:
    real = [measure(clip)["skin_tone.drift"] for clip in people]
    for clip in people:
        made = measure(clip.edited(redden_every_other))
        assert made["skin_tone.drift"] > max(real) + 0.5


@pytest.mark.real
def test_a_redder_picture_has_no_step(people: list[Clip]) -> None:
    for clip in people:
        own, made = measure(clip), measure(clip.edited(redden_all))
        assert abs(made["skin_tone.step"] - own["skin_tone.step"]) < 0.3


def test_light_that_falls_off_is_no_step_and_an_edge_is() -> None:
    x = np.linspace(-0.3, 0.3, 120, dtype=np.float32)
    distance = np.repeat(x[:, None], 200, 1)
    everywhere = np.ones(distance.shape, bool)

    def tones(level: np.ndarray) -> np.ndarray:
        rgb = np.stack([level, level - 30, level - 50], -1).round().astype(np.uint8)
        return ring_tones(rgb, distance, everywhere)

    sloping = tones(150 + 60 * distance)
    stepped = tones(150 + 60 * distance + 12 * (distance > 0))
    assert sloping.shape == (PARTS, len(RINGS) - 2, 3)
    assert np.abs(common_step(sloping)).max() < 0.7
    assert common_step(stepped)[0] == pytest.approx(5, abs=0.7)
    assert step_ratio(stepped) > step_ratio(sloping) + 0.5


def test_a_border_without_skin_has_no_tone() -> None:
    nowhere = np.zeros((40, 40), bool)
    tones = ring_tones(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.float32), nowhere)
    assert np.isnan(tones).all()
    assert np.isnan(common_step(tones)).all()
    assert np.isnan(step_ratio(tones))
