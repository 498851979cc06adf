"""Lag and fit of lips and sound, on openings whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.speech import av_sync

RATE = 25.0


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """An opening that changes four times a second or slower."""
    random = np.random.default_rng(seed)
    knots = random.uniform(0, 0.2, int(seconds * 4) + 2)
    return np.interp(np.arange(int(seconds * RATE)) / RATE * 4, np.arange(len(knots)), knots)


def late(series: np.ndarray, seconds: float) -> np.ndarray:
    at = np.arange(len(series))
    return np.interp(at - seconds * RATE, at, series)


@pytest.mark.parametrize("ms", [0, 40, 55, -120, 200, -350])
def test_the_lag_is_found_between_frames(ms: int) -> None:
    seen = babble(20)
    lag_s, r = av_sync.best_lag([seen], [late(seen, ms / 1000)], RATE, 0.4)
    assert lag_s * 1000 == pytest.approx(ms, abs=8)
    assert r > 0.97


def test_clips_share_one_lag() -> None:
    seen = [babble(3, seed) for seed in range(5)]
    said = [late(series, 0.08) for series in seen]
    assert av_sync.best_lag(seen, said, RATE, 0.3)[0] == pytest.approx(0.08, abs=0.004)


def test_unknown_lips_do_not_count() -> None:
    seen = babble(20)
    said = late(seen, 0.12)
    seen[100:200], said[103:203] = np.nan, 5.0
    assert av_sync.best_lag([seen], [said], RATE, 0.4)[0] == pytest.approx(0.12, abs=0.008)


def test_what_never_varies_has_no_lag() -> None:
    assert np.isnan(av_sync.best_lag([babble(5)], [np.ones(125)], RATE, 0.4)).all()
    still = av_sync.measure_sync(babble(5), np.ones(125), RATE, np.ones(125, bool))
    assert np.isnan(still.r)
    assert np.isnan(av_sync.measure_sync(babble(5), babble(5), RATE, np.zeros(125, bool)).r)


def test_opening_the_mouth_in_the_same_sentences_is_no_fit() -> None:
    """Two people who speak and pause together correlate, but only slowly."""
    swing = 0.1 * np.sin(2 * np.pi * np.arange(1000) / RATE / 4)
    seen, other, speaking = swing + babble(40, 1), swing + babble(40, 2), np.ones(1000, bool)
    assert av_sync.correlation(seen, other) > 0.6
    assert av_sync.measure_sync(seen, other, RATE, speaking).r < 0.4
    assert av_sync.measure_sync(seen, late(seen, 0.08), RATE, speaking).r > 0.9


def test_stretches_tell_where_another_voice_speaks() -> None:
    seen, said = babble(40, 1), babble(40, 1)
    said[500:] = babble(20, 3)
    found = av_sync.measure_sync(seen, late(said, -0.04), RATE, np.ones(1000, bool))
    assert found.lag_s == pytest.approx(-0.04, abs=0.008)
    assert len(found.segments) == 20
    assert (found.segments[:10] > 0.9).all()
    assert (found.segments[10:] < 0.6).mean() > 0.8
