"""Closures and silence of made lips whose truth is known, and of real ones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync import media
from lipsync.face import landmarks
from lipsync.face.landmarks import LandmarkOptions
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.cache import Cache
from lipsync.speech import audio
from lipsync.types import LipTrack
from tests.support.faces import FPS, mouth
from training import metrics
from training.corpus.forced_alignment import Aligner, Phone, grid_sentence
from training.metrics import GapLevels, closure_windows, closures, max_displacement, still_share

LEVELS = GapLevels(closed=0.02, open=0.06)
NARROW = np.array([[1.0, 1.1]])  # frames 25, 26 and 27


def lips(gaps: np.ndarray, rate: Fraction = FPS) -> LipTrack:
    """A made mouth with these inner-lip gaps."""
    return LipTrack(np.stack([mouth(float(gap)) for gap in gaps]), rate)


def dip(at: int, depth: float = 0.0, frames: int = 50) -> LipTrack:
    """A mouth open by 0.1 but for one frame."""
    gaps = np.full(frames, 0.1)
    gaps[at] = depth
    return lips(gaps)


# --- closures --------------------------------------------------------------------------------


def test_levels_lie_between_the_shut_mouth_and_the_open_one() -> None:
    found = GapLevels.of(lips(np.linspace(0.01, 0.11, 101)))
    # The tenth that opens least has the median 0.015; 5th to 95th percentile span 0.09.
    assert found.closed == pytest.approx(0.015 + metrics.CLOSED * 0.09, abs=5e-4)
    assert found.open == pytest.approx(0.015 + metrics.OPEN * 0.09, abs=5e-4)


def test_windows_are_those_of_p_b_m_and_leave_the_pause_before_a_word_out() -> None:
    phones = [
        Phone("SIL", 0.0, 0.2), Phone("P", 0.2, 0.9), Phone("L", 0.9, 1.0), Phone("M", 1.0, 1.06),
    ]  # fmt: skip
    expected = [[0.9 - 0.12 - 0.05, 0.93], [0.95, 1.09]]
    np.testing.assert_allclose(closure_windows(phones), expected)
    assert closure_windows([Phone("AA", 0, 1)]).shape == (0, 2)


@pytest.mark.parametrize(("frames_late", "hit"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_a_closure_is_hit_within_60_ms(frames_late: int, hit: int) -> None:
    found = closures([dip(26)], [dip(26 + frames_late)], [NARROW], LEVELS)
    assert (found.recall, found.tested, found.spoken) == (hit, 1, 1)


def test_the_tolerance_is_in_time_not_in_frames() -> None:
    fast = Fraction(100)
    gaps = np.full(200, 0.1)
    true = lips(np.where(np.arange(200) == 105, 0, gaps), fast)
    for late, hit in ((5, 1), (6, 1), (7, 0)):
        guess = lips(np.where(np.arange(200) == 105 + late, 0, gaps), fast)
        assert closures([true], [guess], [NARROW], LEVELS).recall == hit


def test_a_mouth_that_only_narrows_does_not_close() -> None:
    for depth, hit in ((0.019, 1), (0.021, 0)):
        assert closures([dip(26)], [dip(26, depth)], [NARROW], LEVELS).recall == hit


def test_only_what_closes_in_truth_is_judged() -> None:
    windows = [np.array([[0.4, 0.5], [1.0, 1.1]])]
    found = closures([dip(26)], [dip(11)], windows, LEVELS)
    assert (found.recall, found.tested, found.spoken) == (0, 1, 2)
    nothing = closures([dip(40)], [dip(40)], windows, LEVELS)
    assert np.isnan(nothing.recall)
    unseen = dip(26)
    unseen.points[20:32] = np.nan
    assert closures([unseen], [dip(26)], [NARROW], LEVELS).tested == 0


def test_an_always_closed_mouth_hits_all_and_its_false_closures_say_so() -> None:
    shut, wide = lips(np.zeros(50)), lips(np.full(50, 0.1))
    found = closures([dip(26)], [shut], [NARROW], LEVELS)
    assert (found.recall, found.false) == (1, 1)
    found = closures([dip(26)], [wide], [NARROW], LEVELS)
    assert (found.recall, found.false) == (0, 0)
    # One frame late: the frame beside a true closure is not counted as wide open.
    assert closures([dip(26)], [dip(27)], [NARROW], LEVELS).false == 0
    # Three late: one of the 47 frames that are wide open.
    assert closures([dip(26)], [dip(29)], [NARROW], LEVELS).false == pytest.approx(1 / 47)


# --- silence ---------------------------------------------------------------------------------


def test_movement_is_that_of_the_point_that_moves_most() -> None:
    track = lips(np.full(10, 0.05))
    track.points[4:, 3] += (0.03, 0.04)  # stays there: moved once
    track.points[4:, 7] += (0.01, 0.0)
    moved = max_displacement(track)
    assert np.isnan(moved[0])
    np.testing.assert_allclose(moved[1:], np.where(np.arange(1, 10) == 4, 0.05, 0), atol=1e-6)


@pytest.mark.parametrize(("step", "share"), [(0.019, 1.0), (0.021, 8 / 9)])
def test_still_is_less_than_two_percent_of_the_eye_distance(step: float, share: float) -> None:
    track = lips(np.full(10, 0.05))
    track.points[5:] += (step, 0)
    assert still_share([track], [np.ones(10, bool)]) == (pytest.approx(share), 9)


def test_only_frames_asked_for_and_known_count() -> None:
    moving = lips(np.linspace(0, 1, 20))
    calm = lips(np.zeros(20))
    calm.points[5] = np.nan  # the frame after has nothing to have moved from, either
    first_half = np.arange(20) < 10
    assert still_share([moving, calm], [first_half, ~first_half]) == (pytest.approx(10 / 19), 19)
    assert still_share([calm], [first_half]) == (1.0, 7)
    share, frames = still_share([calm], [np.zeros(20, bool)])
    assert np.isnan(share)
    assert frames == 0


# --- real ------------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.slow
def test_real_lips_close_at_p_b_m_and_not_at_vowels(shared: Path) -> None:
    aligner = Aligner()
    tracks, spoken = [], []
    for name in ("bgbsza", "pbbg5p", "lrbi7p", "lbbo3n"):
        clip = shared / "data" / "grid_s26" / f"{name}.mkv"
        with Cache(Cache.default_root()) as cache:
            face = landmarks.track_video(media.probe(clip), LandmarkOptions(), cache)
        tracks.append(TrackedFace.of(face).lips)
        words = grid_sentence(name)
        assert words is not None
        spoken.append(aligner.align(audio.load_speech(clip), words))
    levels = GapLevels.of(LipTrack(np.concatenate([t.points for t in tracks]), tracks[0].rate))
    found = closures(tracks, tracks, [closure_windows(phones) for phones in spoken], levels)
    assert found.spoken == 10
    assert found.tested >= 9
    assert (found.recall, found.false) == (1, 0)
    # Put in the place of a vowel, the same windows find hardly any closure.
    vowels = [
        [Phone("M", p.end - 0.04, p.end) for p in phones if p.name in {"IY", "EY", "AE", "AH"}]
        for phones in spoken
    ]
    other = closures(tracks, tracks, [closure_windows(phones) for phones in vowels], levels)
    assert other.spoken >= 8
    assert other.tested / other.spoken <= 0.4
