"""Sharpness of mouth and face, on real faces that are softened."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync.inspection.blur import BlurWatch
from lipsync.inspection.shared_work import SharedWork
from lipsync.types import U8
from tests.support.face_views import Clip, mix

SIGMA = 0.03  # outer-eye distances


def measure(clip: Clip) -> dict[str, float]:
    return clip.measured(BlurWatch(SharedWork()))


def soften_lower(clip: Clip, i: int, frame: U8) -> U8:
    return mix(frame, cv2.GaussianBlur(frame, (0, 0), SIGMA * clip.scale), clip.lower(i))


def soften_face(clip: Clip, i: int, frame: U8) -> U8:
    return mix(frame, cv2.GaussianBlur(frame, (0, 0), SIGMA * clip.scale), clip.whole(i))


def soften_all(clip: Clip, i: int, frame: U8) -> U8:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.012 * clip.scale))


@pytest.mark.real
def test_a_softened_mouth_is_blurrier_than_any_real_one(people: list[Clip]) -> None:
    real = [measure(clip) for clip in people]
    for clip, own in zip(people, real, strict=True):
        soft = measure(clip.edited(soften_lower))
        for name in ("blur.mouth", "blur.lower"):
            assert soft[name] < min(one[name] for one in real) - 0.3, name
            assert soft[name] < own[name] - 0.8, name


@pytest.mark.real
def test_a_softened_face_differs_from_its_surroundings(people: list[Clip]) -> None:
    for clip in people:
        own, soft = measure(clip), measure(clip.edited(soften_face))
        assert soft["blur.face"] < own["blur.face"] - 0.5
        assert soft["blur.face_detail"] < own["blur.face_detail"] - 0.5


@pytest.mark.real
def test_a_soft_picture_is_no_soft_mouth(people: list[Clip]) -> None:
    for clip in people:
        own, soft = measure(clip), measure(clip.edited(soften_all))
        assert abs(soft["blur.lower"] - own["blur.lower"]) < 0.35
