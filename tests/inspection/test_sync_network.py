"""The network of lips and sound, on people it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync.inspection import sync_network
from lipsync.inspection.dense import normalize
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.sync_network import REACH, SyncNetwork
from tests.support.talking import evidence, late, with_samples

CLIPS = ("grid_s4/bgbu2a.mp4", "grid_s26/bgbsza.mkv", "grid_s31/bgiq6p.mkv")


@pytest.fixture(scope="module", params=CLIPS)
def talk(shared: Path, request: pytest.FixtureRequest) -> Evidence:
    return evidence(shared / "data" / request.param)


def measure(one: Evidence) -> dict[str, float]:
    return sync_network.measure_span(one, 0, len(one))


@pytest.mark.real
def test_the_offset_of_moved_sound_is_found_within_a_picture(talk: Evidence) -> None:
    for ms in (0, 120, -120):
        assert abs(measure(late(talk, ms))["sync.offset"] - ms / 40) <= 1, ms


@pytest.mark.real
def test_another_sound_is_farther_from_the_lips(talk: Evidence, shared: Path) -> None:
    other = evidence(shared / "data/grid_s31/bgix8n.mkv")
    own, wrong = measure(talk), measure(with_samples(talk, other.speech.wave.samples))
    assert own["sync.distance"] < wrong["sync.distance"]
    assert own["sync.confidence"] > wrong["sync.confidence"] + 0.1


@pytest.mark.real
def test_a_part_without_speech_has_no_figures(talk: Evidence) -> None:
    assert sync_network.measure_span(talk, 0, 8) == {}
    assert measure(Evidence(talk.face, talk.speech, None)) == {}


def test_figures_are_those_of_the_field() -> None:
    distances = np.full((40, 2 * REACH + 1), 1.2, np.float32)
    distances[:, REACH + 4] = 0.5
    found = sync_network.figures_of(distances)
    assert found is not None
    assert (found.offset, found.distance) == (pytest.approx(4), pytest.approx(0.5))
    assert found.confidence == pytest.approx(0.7)
    assert sync_network.figures_of(distances[:10]) is None
    assert sync_network.figures_of(np.full_like(distances, np.nan)) is None


def test_an_offset_is_the_delay_of_the_sound() -> None:
    """Embeddings of the same numbers, the sound's four samples late."""
    rng = np.random.default_rng(0)
    moments = normalize(rng.normal(size=(60, 16)).astype(np.float32))
    distances = sync_network.compare(moments, np.roll(moments, 4, axis=0))
    found = sync_network.figures_of(distances)
    assert found is not None
    assert found.offset == pytest.approx(4, abs=0.2)
    assert found.distance == pytest.approx(0, abs=1e-3)
    assert np.isnan(distances[0, 0]) and np.isnan(distances[-1, -1])


def test_it_is_small() -> None:
    network = SyncNetwork.load()
    count = sum(
        weight.size + bias.size
        for tower in (network.lips, network.sound)
        for weight, bias in tower.layers
    )
    assert count <= 500_000
