"""Lag, correlation and margin over other sounds, on people whom no model has seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.inspection import lip_sound
from lipsync.inspection.evidence import Evidence
from lipsync.speech.video_speech import VideoSpeech
from tests.support.talking import evidence, frozen, late, with_samples

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def talk(shared: Path) -> Evidence:
    return evidence(shared / "data/grid_s31/bgiq6p.mkv")


@pytest.fixture(scope="module")
def other(shared: Path) -> Evidence:
    return evidence(shared / "data/grid_s31/bgix8n.mkv")


def measure(one: Evidence) -> dict[str, float]:
    return lip_sound.measure_span(one, 0, len(one))


@pytest.mark.parametrize("ms", [120, -120, 200])
def test_moved_sound_is_found_within_a_frame(talk: Evidence, ms: int) -> None:
    before, after = measure(talk)["sync.lag"], measure(late(talk, ms))["sync.lag"]
    assert abs(before) < 60  # GRID is in sync
    assert after - before == pytest.approx(ms, abs=40)


def test_the_sound_of_another_sentence_fits_worse(talk: Evidence, other: Evidence) -> None:
    own, wrong = measure(talk), measure(with_samples(talk, other.speech.wave.samples))
    assert own["sync.correlation"] > wrong["sync.correlation"] + 0.3
    assert own["sync.own_sound"] > wrong["sync.own_sound"] + 0.3


def test_lips_that_stand_still_follow_nothing(talk: Evidence) -> None:
    still = measure(frozen(talk, 0, len(talk)))
    assert "sync.lag" not in still
    assert still.get("sync.correlation", 0.0) < measure(talk)["sync.correlation"] - 0.3


def test_a_part_is_measured_like_the_whole(talk: Evidence) -> None:
    part = lip_sound.measure_span(talk, 10, 60)
    assert part["sync.correlation"] == pytest.approx(measure(talk)["sync.correlation"], abs=0.6)
    assert part["sync.lag"] == pytest.approx(measure(talk)["sync.lag"], abs=40)
    assert lip_sound.measure_span(talk, 0, 8) == {}


def test_the_reason_is_given_where_nothing_can_be_said(talk: Evidence) -> None:
    assert lip_sound.explain(talk) == {}
    deaf = Evidence(talk.face, talk.speech, None)
    assert measure(deaf) == {}
    assert "no speech" in lip_sound.explain(deaf)["sync"]
    mute = Evidence(talk.face, VideoSpeech(replace(talk.speech.info, has_audio=False)), None)
    assert "no sound" in lip_sound.explain(mute)["sync"]
    hidden = np.full(len(talk), np.nan, np.float32)
    unseen = Evidence(talk.face, talk.speech, talk.heard)
    unseen.__dict__["seen"] = hidden
    assert "in view" in lip_sound.explain(unseen)["sync"]
