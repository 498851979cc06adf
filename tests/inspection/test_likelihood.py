"""One likelihood from many scores: it only rises, is never certain, and knows what it cannot."""

from __future__ import annotations

import math

import pytest

from lipsync.inspection.likelihood import MOST, estimate_likelihood
from lipsync.inspection.reference import Reference

TO = Reference("", 1, 1, {}, {"blur": 1.0, "sync": 0.5, "silence": 0.0, "bias": -3.0}, 0.5, {})
NAN = float("nan")


def test_a_suspicious_score_raises_it_and_a_good_one_does_not_lower_it() -> None:
    base = estimate_likelihood({"blur": 0.0, "sync": 0.0}, TO)
    assert estimate_likelihood({"blur": 3.0, "sync": 0.0}, TO) > base
    assert estimate_likelihood({"blur": -4.0, "sync": 0.0}, TO) == base


def test_one_broken_score_does_not_decide_without_limit() -> None:
    assert estimate_likelihood({"blur": 1e6}, TO) == estimate_likelihood({"blur": MOST}, TO)


def test_what_is_not_applicable_adds_nothing() -> None:
    assert estimate_likelihood({"blur": 2.0, "sync": NAN}, TO) == estimate_likelihood(
        {"blur": 2.0}, TO
    )


@pytest.mark.parametrize("z", [{}, {"blur": NAN}, {"unknown": 3.0}])
def test_without_any_score_there_is_no_likelihood(z: dict[str, float]) -> None:
    assert math.isnan(estimate_likelihood(z, TO))
