"""Scores against real footage: where a value lies in a distribution, and broken files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lipsync.errors import WeightsError
from lipsync.inspection.measures import Measure
from lipsync.inspection.reference import (
    LEVELS,
    SHORT_S,
    Z_MOST,
    Distribution,
    Population,
    Reference,
)

RNG = np.random.default_rng(0)


def _normal(count: int = 20000) -> Distribution:
    found = Distribution.over_people([RNG.normal(3.0, 2.0, count).tolist()])
    assert found is not None
    return found


@pytest.mark.parametrize("z", [-5.0, -2.0, -0.5, 0.0, 1.3, 1.9, 4.0])
def test_a_score_is_the_normal_value_of_the_same_quantile(z: float) -> None:
    """Also beyond the outermost level that is recorded."""
    assert _normal().z(3.0 + 2.0 * z) == pytest.approx(z, abs=0.12 + 0.03 * abs(z))


def test_every_person_counts_alike_however_many_clips_they_have() -> None:
    found = Distribution.over_people([[0.0] * 1000, [10.0]])
    assert found is not None
    assert found.clips == 1001
    middle = len(LEVELS) // 2
    assert 0.0 <= found.quantiles[middle] <= 10.0
    assert found.quantiles[middle + 1] == 10.0
    assert found.quantiles[middle - 1] == 0.0


def test_nothing_is_known_of_a_measure_without_values() -> None:
    assert Distribution.over_people([[float("nan")], []]) is None


def test_unknown_values_have_no_score_and_no_score_is_endless() -> None:
    assert np.isnan(_normal().z(float("nan")))
    assert _normal().z(1e9) == Z_MOST
    constant = Distribution.over_people([[1.0, 1.0, 1.0]])
    assert constant is not None
    assert constant.z(1.0) == pytest.approx(0.0, abs=2.0)


def test_what_is_suspicious_decides_the_sign() -> None:
    to = Population({"blur.x": _normal()})
    high, low, both = (to.score(Measure("blur.x", "", s), -1.0) for s in ("high", "low", "both"))  # type: ignore[arg-type]
    assert high == pytest.approx(-2, abs=0.2)
    assert low == pytest.approx(2, abs=0.2)
    assert both == pytest.approx(2, abs=0.2)
    assert np.isnan(to.score(Measure("blur.y", "", "high"), 1.0))


def test_the_shipped_reference_names_its_data_and_has_rates() -> None:
    shipped = Reference.load()
    assert shipped.people >= 40
    assert shipped.clips >= 100
    assert "GRID" in shipped.data
    assert 0 < shipped.threshold < 1
    assert "real called made" in shipped.rates
    for to in (shipped.short, shipped.long):
        assert all(list(d.quantiles) == sorted(d.quantiles) for d in to.distributions.values())
    assert shipped.population(SHORT_S - 0.1) is shipped.short
    assert shipped.population(SHORT_S) is shipped.long
    assert all(weight >= 0 for way in shipped.ways.values() for weight in way.values())


def test_long_spans_vary_less_than_short_ones() -> None:
    """Why they are compared apart."""
    shipped = Reference.load()
    narrower = [
        np.ptp(shipped.long.distributions[name].quantiles)
        < np.ptp(shipped.short.distributions[name].quantiles)
        for name in ("sync.distance", "sync.correlation", "sync.obedience", "motion.jaw")
    ]
    assert all(narrower)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"distributions": {"a": 3}}'])
def test_a_damaged_reference_is_one_line(tmp_path: Path, text: str) -> None:
    place = tmp_path / "inspection.json"
    place.write_text(text)
    with pytest.raises(WeightsError, match="not a reference of real footage"):
        Reference.load(place)


def test_a_reference_reads_back_as_it_was_written(tmp_path: Path) -> None:
    place = tmp_path / "inspection.json"
    shipped = json.loads(json.dumps({"about": "", "levels": [], "data": "two clips", "clips": 2,
        "people": 1, "short": {"distributions": {}},
        "long": {"distributions": {"a.b": {"clips": 2, "quantiles": [0.0] * len(LEVELS)}}},
        "ways": {"face": {"a.b": 1.0}}, "slope": 1.0, "bias": -1.0, "threshold": 0.4,
        "rates": {}}))  # fmt: skip
    place.write_text(json.dumps(shipped))
    found = Reference.load(place)
    assert found.long.distributions["a.b"].clips == 2
    assert found.threshold == 0.4
