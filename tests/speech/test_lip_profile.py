"""What is measured of a person's mouth."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lipsync.errors import NoFaceError
from lipsync.speech.lip_profile import LipProfile, closed_mouth, resting_mouth
from lipsync.types import LipTrack
from tests.support.faces import FPS, mouth


def gaps_of(rest: float, rate: float, seconds: float = 4.0) -> np.ndarray:
    """Speech in the middle, the mouth held at `rest` before and after it."""
    times = np.arange(round(seconds * rate)) / rate
    spoken = 0.15 + 0.15 * np.cos(2 * np.pi * 4 * times)
    return np.where((times > 0.25 * seconds) & (times < 0.75 * seconds), spoken, rest)


def track(gaps: np.ndarray, rate: Fraction = FPS) -> LipTrack:
    return LipTrack(np.stack([mouth(float(gap)) for gap in gaps]), rate)


def test_a_profile_is_the_mouth_that_opens_least() -> None:
    openings = np.r_[np.zeros(60), np.linspace(0, 0.3, 40)]
    track = LipTrack(np.stack([mouth(o) for o in openings]), FPS)
    profile = LipProfile.of(track)
    assert np.abs(profile.neutral - mouth(0)).max() < 1e-4
    assert profile.width == pytest.approx(0.6, abs=1e-3)
    assert profile.opening_range == pytest.approx(np.percentile(openings, 95), abs=0.01)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("rest", [0.0, 0.14])
def test_the_resting_mouth_is_the_one_held_still(rest: float, rate: Fraction) -> None:
    gaps = gaps_of(rest, float(rate))
    rng = np.random.default_rng(0)
    shaken = track(gaps, rate)
    noisy = shaken.points + rng.normal(0, 0.001, shaken.points.shape).astype(np.float32)
    found = resting_mouth(LipTrack(noisy.astype(np.float32), rate))
    assert found is not None
    assert LipTrack(found[None], rate).opening[0] == pytest.approx(rest, abs=0.004)
    # It is not the shut mouth, to which speech comes.
    assert LipTrack(closed_mouth(shaken)[None], rate).opening[0] < 0.02


def test_unbroken_speech_tells_no_rest() -> None:
    spoken = gaps_of(0.1, 25)[25:75]
    assert resting_mouth(track(spoken)) is None
    assert LipProfile.of(track(spoken)).rest is None
    assert resting_mouth(track(np.zeros(2))) is None


def test_lips_that_come_to_the_neutral_mouth_come_to_the_shut_one() -> None:
    """Somebody who speaks with open lips, and shuts them for one p."""
    gaps = np.full(100, 0.15) + 0.1 * np.sin(np.arange(100))
    gaps[40:46] = 0.01
    profile = LipProfile.of(track(gaps))
    neutral = LipTrack(profile.neutral[None], FPS).opening[0]
    assert neutral > 0.05
    asked = np.array([neutral, neutral + 0.02, 0.2, 0.01, 0.03], np.float32)
    found = LipTrack(profile.close_fully(track(asked).points), FPS).opening
    assert found[0] == pytest.approx(0.01, abs=2e-3)
    assert 0.01 < found[1] < neutral
    assert found[2] == pytest.approx(0.2, abs=1e-6)  # wide ones stay
    # Lips that know this mouth are shut already, and are not pressed further.
    assert found[3] == pytest.approx(0.01, abs=2e-3)
    assert 0.0 < found[4] < 0.03
    order = np.linspace(0.0, 0.3, 200)
    made = LipTrack(profile.close_fully(track(order).points), FPS).opening
    assert (np.diff(made) > -1e-6).all()  # what was more open stays so


def test_nothing_is_pressed_of_somebody_whose_neutral_mouth_is_shut() -> None:
    lips = track(gaps_of(0.0, 25))
    profile = LipProfile.of(lips)
    assert np.array_equal(profile.close_fully(lips.points), lips.points)


def test_frames_without_a_face_are_not_still() -> None:
    lips = track(np.full(100, 0.1))
    points = lips.points.copy()
    points[np.arange(100) % 10 == 0] = np.nan
    assert resting_mouth(LipTrack(points, FPS)) is None
    with pytest.raises(NoFaceError):
        LipProfile.of(LipTrack(np.full_like(points, np.nan), FPS))
