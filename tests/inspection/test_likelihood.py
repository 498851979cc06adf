"""One likelihood from many scores: it only rises, is never certain, and knows what it cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lipsync.inspection.likelihood import estimate_likelihood
from lipsync.inspection.reference import LEVELS, WAY, Distribution, Population, Reference
from lipsync.inspection.ways import MOST, OTHER, WAYS, sum_traces

NAN = float("nan")
USUAL = Distribution(100, tuple(np.linspace(0, 2, len(LEVELS)).tolist()))
REAL = Population({WAY + way: USUAL for way in ("sound", "face", OTHER)})
WEIGHTS = {"face": {"blur.mouth": 1.0, "noise.grain": 0.5}, "sound": {"sync.lag": 1.0}}
TO = Reference("", 1, 1, REAL, REAL, WEIGHTS, 2.0, -4.0, 0.5, {})
QUIET = {"blur.mouth": 0.0, "noise.grain": 0.0, "sync.lag": 0.0}


def _likelihood(**z: float) -> float:
    scores = QUIET | {name.replace("_", "."): value for name, value in z.items()}
    return estimate_likelihood(scores, TO, REAL).likelihood


def test_a_suspicious_score_raises_it_and_a_good_one_does_not_lower_it() -> None:
    assert _likelihood(blur_mouth=5.0) > _likelihood()
    assert _likelihood(blur_mouth=-4.0) == _likelihood()


def test_one_broken_score_does_not_decide_without_limit() -> None:
    assert _likelihood(sync_lag=1e6) == _likelihood(sync_lag=MOST)


def test_the_way_whose_traces_are_strongest_is_named() -> None:
    strong = {"blur.mouth": 6.0, "noise.grain": 6.0}
    assert estimate_likelihood(QUIET | strong, TO, REAL).way == "face"
    assert estimate_likelihood(QUIET | {"unknown.x": 6.0}, TO, REAL).way == OTHER
    assert set(WEIGHTS) | {OTHER} <= set(WAYS)


def test_traces_of_one_way_are_not_drowned_by_measures_that_have_none() -> None:
    """A sum over everything would have to be weighed against the chance of all its terms."""
    many = {f"x.{i}": 0.9 for i in range(200)}
    assert estimate_likelihood(QUIET | many | {"sync.lag": 5.0}, TO, REAL).likelihood == (
        pytest.approx(_likelihood(sync_lag=5.0))
    )


def test_what_is_not_applicable_adds_nothing() -> None:
    assert _likelihood(sync_lag=NAN) <= _likelihood()
    sums = sum_traces({"blur.mouth": 2.0, "sync.lag": NAN}, WEIGHTS)
    assert math.isnan(sums["sound"])
    assert sums["face"] == 1.0


@pytest.mark.parametrize("z", [{}, {"blur.mouth": NAN}])
def test_without_any_score_there_is_no_likelihood(z: dict[str, float]) -> None:
    finding = estimate_likelihood(z, TO, REAL)
    assert math.isnan(finding.likelihood)
    assert finding.way is None
