"""Grain of the lower face, on real faces whose grain is changed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync.inspection.noise import NoiseWatch
from lipsync.inspection.shared_work import SharedWork
from lipsync.types import U8
from tests.support.face_views import Clip, mix


def measure(clip: Clip) -> dict[str, float]:
    return clip.measured(NoiseWatch(SharedWork()))


def grainy(clip: Clip, i: int, frame: U8) -> U8:
    """The whole picture as a noisy camera gives it: real clips here are clean."""
    grain = np.random.default_rng(i).normal(0, 4, (*frame.shape[:2], 1))
    return mix(frame, frame + grain.astype(np.float32), np.ones((1, 1, 1), np.float32))


def denoise_lower(clip: Clip, i: int, frame: U8) -> U8:
    return mix(frame, cv2.bilateralFilter(frame, 5, 30, 3), clip.lower(i))


def freeze_grain(clip: Clip, i: int, frame: U8) -> U8:
    """The same grain in the lower face of every frame."""
    return mix(frame, grainy(clip, 0, clip.frames[i]), clip.lower(i))


@pytest.mark.real
def test_a_denoised_lower_face_has_less_grain(people: list[Clip]) -> None:
    for clip in people:
        real = clip.edited(grainy)
        own, made = measure(real), measure(real.edited(denoise_lower))
        for name in ("noise.grain", "noise.temporal"):
            assert made[name] < own[name] - 0.5, name


@pytest.mark.real
def test_even_grain_is_even(people: list[Clip]) -> None:
    for clip in people:
        assert abs(measure(clip.edited(grainy))["noise.grain"]) < 0.35


@pytest.mark.real
def test_grain_that_stays_is_frozen(woman: Clip) -> None:
    real = woman.edited(grainy)
    own = measure(real)
    assert measure(Clip(real.frames, real.face).edited(freeze_grain))["noise.frozen"] > (
        own["noise.frozen"] + 0.2
    )
