"""Lips at p, b and m, in sentences whose words and their times are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lipsync.inspection import closures
from lipsync.inspection.evidence import Evidence
from tests.support.talking import evidence, with_lips

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def talks(shared: Path) -> list[Evidence]:
    found = sorted((shared / "data/grid_s31").glob("*.mkv"))[:6]
    return [evidence(path) for path in found]


def test_what_is_found_is_a_moment_at_which_these_lips_meet(talks: list[Evidence]) -> None:
    """Real lips meet at p, b and m: most of what is taken for one must show it."""
    shut = []
    for one in talks:
        low, high = np.nanpercentile(one.seen[one.speaking], [5, 95])
        for frame in closures.find_bilabials(one):
            around = one.seen[max(0, frame - 2) : frame + 3]
            shut.append((np.nanmin(around) - low) / (high - low) < 0.25)
    assert len(shut) >= 8
    assert np.mean(shut) >= 0.85


def test_lips_that_come_late_are_open_where_they_should_meet(talks: list[Evidence]) -> None:
    """By 0.2 s, a vowel later."""
    real = [closures.measure_span(one, 0, len(one))["closures.gap"] for one in talks]
    late = [with_lips(one, np.roll(one.face.lips.points, 5, axis=0)) for one in talks]
    wrong = [closures.measure_span(one, 0, len(one))["closures.gap"] for one in late]
    assert np.mean(wrong) > np.mean(real) + 0.2


def test_lips_that_never_meet_have_no_range_to_judge_by(talks: list[Evidence]) -> None:
    one = talks[0]
    still = with_lips(one, np.repeat(one.face.lips.points[:1], len(one), axis=0))
    assert closures.measure_span(still, 0, len(one)) == {}
    assert "p, b or m" in closures.explain(still)["closures"]
    deaf = Evidence(one.face, one.speech, None)
    assert closures.measure_span(deaf, 0, len(one)) == {}
    assert "no speech" in closures.explain(deaf)["closures"]
