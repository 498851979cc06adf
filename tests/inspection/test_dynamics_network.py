"""The network of motion, on people and spoiled motion it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from lipsync.inspection import dynamics_network
from lipsync.inspection.dynamics_network import WINDOW, motion_inputs, window_starts
from lipsync.inspection.evidence import Evidence
from tests.support.talking import evidence, frozen, jaw_of, with_lips

CLIPS = ("grid_s4/bgbu2a.mp4", "grid_s26/bgbsza.mkv", "grid_s31/bgiq6p.mkv")


@pytest.fixture(scope="module", params=CLIPS)
def talk(shared: Path, request: pytest.FixtureRequest) -> Evidence:
    return evidence(shared / "data" / request.param)


def odds(one: Evidence) -> float:
    return dynamics_network.measure_span(one, 0, len(one))["motion.dynamics"]


@pytest.mark.real
def test_spoiled_motion_has_higher_odds(talk: Evidence) -> None:
    lips, jaw = talk.face.lips.points, jaw_of(talk)
    rng = np.random.default_rng(0)
    spoiled = {
        "smoothed": with_lips(talk, *(gaussian_filter1d(p, 2.0, axis=0) for p in (lips, jaw))),
        "shaking": with_lips(talk, lips + rng.normal(0, 0.012, (len(lips), 1, 2))),
        "frozen": frozen(talk, 10, 60),
        "another moment's lips": with_lips(talk, np.roll(lips, 30, axis=0)),
    }
    for name, one in spoiled.items():
        assert odds(one) > odds(talk), name


@pytest.mark.real
def test_real_motion_is_called_real(talk: Evidence) -> None:
    assert odds(talk) < 0


@pytest.mark.real
def test_too_little_has_no_odds(talk: Evidence) -> None:
    assert dynamics_network.measure_span(talk, 0, 10) == {}


def test_windows_cover_what_there_is() -> None:
    assert window_starts(WINDOW - 10).tolist() == [0]
    assert window_starts(WINDOW + 25).tolist() == [0, 10, 20]


def test_where_the_face_is_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    lips, jaw, head = (
        gaussian_filter1d(rng.normal(size=(50, *shape)), 2, axis=0).astype(np.float32)
        for shape in ((18, 2), (15, 2), (6,))
    )
    here, there = motion_inputs(lips, jaw, head), motion_inputs(lips + 1, jaw + 1, head + 1)
    assert here == pytest.approx(there, abs=1e-3)
