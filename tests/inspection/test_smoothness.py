"""How lips and jaw move, on real people whose motion was spoiled in known ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from lipsync.inspection import smoothness
from lipsync.inspection.evidence import Evidence
from tests.support.talking import evidence, frozen, jaw_of, with_lips

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", params=["grid_s4/bgbu2a.mp4", "grid_s26/bgbsza.mkv"])
def talk(shared: Path, request: pytest.FixtureRequest) -> Evidence:
    return evidence(shared / "data" / request.param)


def measure(one: Evidence) -> dict[str, float]:
    return smoothness.measure_span(one, 0, len(one))


def test_real_lips_move_with_the_jaw_and_more_than_the_bones(talk: Evidence) -> None:
    found = measure(talk)
    assert found["motion.lips"] > 0.1
    assert found["motion.jaw"] > 0.8


def test_smoothed_lips_are_too_smooth(talk: Evidence) -> None:
    slow = [gaussian_filter1d(part, 1.5, axis=0) for part in (talk.face.lips.points, jaw_of(talk))]
    real, smooth = measure(talk), measure(with_lips(talk, *slow))
    assert smooth["motion.jitter"] < real["motion.jitter"] - 0.5
    assert smooth["motion.roughness"] < real["motion.roughness"] - 0.5


def test_lips_that_are_found_anew_shake(talk: Evidence) -> None:
    lips = talk.face.lips.points
    rng = np.random.default_rng(0)
    shaken = lips + rng.normal(0, 0.008, lips.shape)
    real, rough = measure(talk), measure(with_lips(talk, shaken))
    assert rough["motion.jitter"] > real["motion.jitter"] + 0.4


def test_lips_pasted_on_a_head_leave_its_chin_behind(talk: Evidence) -> None:
    lips = np.roll(talk.face.lips.points, len(talk) // 3, axis=0)
    assert measure(with_lips(talk, lips))["motion.jaw"] < measure(talk)["motion.jaw"] - 0.4


def test_lips_that_stop_are_told(talk: Evidence) -> None:
    third = len(talk) // 3
    stopped = measure(frozen(talk, third, 2 * third))
    assert stopped["motion.lips"] < measure(talk)["motion.lips"] - 0.2


def test_a_face_that_is_hardly_seen_has_no_motion(talk: Evidence) -> None:
    assert smoothness.measure_span(talk, 0, 10) == {}
