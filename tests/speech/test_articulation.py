"""Lips with the person's own range and with the tempo of speech."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lipsync.speech.articulation import MOST_GAIN, ArticulationOptions, articulate
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.vad import SpeechSegments
from lipsync.types import LipTrack
from tests.support.lips import mouth

FPS = Fraction(25)
SECONDS = 20
TIMES = np.arange(SECONDS * 25) / 25
SPEECH = SpeechSegments(np.array([[0.0, SECONDS]]))


def track(gaps: np.ndarray) -> LipTrack:
    return LipTrack(np.stack([mouth(float(gap)) for gap in gaps]), FPS)


def speaking(low: float, high: float, hertz: float = 1.0) -> LipTrack:
    """Lips that open and shut between two gaps."""
    return track(low + (high - low) * (0.5 - 0.5 * np.cos(2 * np.pi * hertz * TIMES)))


@pytest.fixture
def person() -> LipProfile:
    return LipProfile.of(speaking(0.0, 0.2))


def test_lips_that_hang_open_shut_as_the_person_does(person: LipProfile) -> None:
    made = articulate(speaking(0.06, 0.22), SPEECH, person).opening
    assert made.min() < 0.012
    assert 0.17 < np.percentile(made, 95) < 0.24


def test_a_lazy_mouth_gets_the_persons_range_within_limits(person: LipProfile) -> None:
    some = articulate(speaking(0.05, 0.19, 0.5), SPEECH, person).opening
    assert np.ptp(some) == pytest.approx(0.2, abs=0.035)
    lazy = speaking(0.05, 0.07, 0.5)
    assert np.ptp(articulate(lazy, SPEECH, person).opening) < 1.2 * MOST_GAIN * 0.02


def test_a_target_that_only_smiles_does_not_shut_the_speech_up(person: LipProfile) -> None:
    still = replace(person, opening_range=0.01)
    asked = speaking(0.05, 0.2, 0.5)
    made = articulate(asked, SPEECH, still).opening
    assert np.ptp(made) > 0.9 * np.ptp(asked.opening)


def test_fast_motion_grows_and_slow_motion_stays(person: LipProfile) -> None:
    unknown = replace(person, opening_range=0.0)
    fast, slow = (
        np.std(articulate(asked, SPEECH, unknown).opening) / np.std(asked.opening)
        for asked in (speaking(0.05, 0.25, 5.0), speaking(0.05, 0.25, 0.4))
    )
    assert fast > 1.15
    assert slow == pytest.approx(1, abs=0.06)


def test_all_of_the_mouth_follows_the_way_it_opens(person: LipProfile) -> None:
    """A gap that was changed looks like lips of that gap, corners included."""
    made = articulate(speaking(0.06, 0.2, 0.5), SPEECH, person)
    true = track(made.opening)
    assert np.abs(made.points - true.points).max() < 0.004


def test_pauses_do_not_count_as_speech(person: LipProfile) -> None:
    """Half of the time is silence with shut lips: the speech is measured by itself."""
    lips = speaking(0.06, 0.2)
    half = len(lips) // 2
    lips.points[half:] = mouth(0.0)
    spoken = SpeechSegments(np.array([[0.0, SECONDS / 2]]))
    made = articulate(lips, spoken, person).opening
    assert made[:half].min() < 0.012
    assert made[half + 5 :].max() < 0.012


def test_nearly_no_speech_is_treated_like_most_speech(person: LipProfile) -> None:
    """A second of it cannot tell how far these lips would shut: the usual counts more."""
    whole = speaking(0.06, 0.2)
    piece = LipTrack(whole.points[8:16], FPS)  # open all the time
    made = articulate(piece, SPEECH, person).opening
    assert made.max() > 0.1, "wide open lips stay open"
    nothing = LipTrack(np.zeros((0, 18, 2), np.float32), FPS)
    assert len(articulate(nothing, SPEECH, person)) == 0
    song = articulate(whole, SpeechSegments(np.zeros((0, 2))), person)
    assert np.isfinite(song.points).all()


def test_lips_that_do_not_move_stay_as_they_are(person: LipProfile) -> None:
    still = track(np.full(50, 0.08))
    assert np.allclose(articulate(still, SPEECH, person).points, still.points, atol=1e-6)


def test_half_of_it_is_half_way(person: LipProfile) -> None:
    asked = speaking(0.06, 0.22)
    none, half, whole = (
        articulate(asked, SPEECH, person, ArticulationOptions(share)).points
        for share in (0.0, 0.5, 1.0)
    )
    assert none is asked.points
    assert np.allclose(half, (none + whole) / 2, atol=1e-6)


def test_the_mouth_speaks_in_the_persons_own_shape(person: LipProfile) -> None:
    """Lips pushed forward all the time stay pushed forward; how far they part stays, too."""
    narrow = np.array([0.8, 1.0], np.float32)
    pouting = LipProfile.of(LipTrack(speaking(0.0, 0.2).points * narrow, FPS))
    asked = speaking(0.05, 0.2, 0.5)
    plain, made = (articulate(asked, SPEECH, whose) for whose in (person, pouting))
    width = np.ptp(made.points[..., 0], axis=1).mean() / np.ptp(plain.points[..., 0], axis=1).mean()
    assert width == pytest.approx(0.8, abs=0.02)
    assert made.opening == pytest.approx(plain.opening, abs=0.003)


def test_a_mouth_that_never_moved_has_no_shape_of_speech() -> None:
    profile = LipProfile.of(track(np.full(50, 0.03)))
    assert profile.speaking is None
    asked = speaking(0.05, 0.2, 0.5)
    assert np.isfinite(articulate(asked, SPEECH, profile).points).all()
