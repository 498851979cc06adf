"""The calibration of inspections: weights, threshold and error rates from measured clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync.inspection.measures import Measure
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.ways import WAYS
from lipsync.types import F64
from training.inspection.calibrate import FALSE_ALARMS, error_rates, find_threshold, to_likelihood
from training.inspection.corpus_manifest import ClipEntry
from training.inspection.measured_clips import ClipValues
from training.inspection.scored_clips import (
    WAY_OF,
    Scored,
    Span,
    area_under_curve,
    fit_likelihood,
    fit_ways,
    greatest_traces,
    score_without_person,
)

NAMES = ["blur.mouth", "sync.lag", *(f"useless.{i}" for i in range(10))]


def _clip(person: str, kind: str, value: float = 0.0, number: int = 0) -> ClipValues:
    path = f"{person}_{kind}_{number}.mp4"
    split = "train" if person < "p5" else "held_out"
    entry = ClipEntry(path, "x.mp4", person, "grid", split, kind, seconds=3.0)  # type: ignore[arg-type]
    return ClipValues(entry, {"blur.mouth": value}, ())


def _scored(means: dict[str, float], kind: str, count: int, rng: np.random.Generator) -> Scored:
    """Clips of a kind whose measures have these mean scores; all others are normal."""
    z = rng.normal(0, 1, (count, len(NAMES)))
    for name, mean in means.items():
        z[:, NAMES.index(name)] += mean
    spans = [Span(_clip(f"p{i % 10}", kind, number=i), True, {}) for i in range(count)]
    return Scored(spans, z, np.zeros((count, len(QUESTIONS))), NAMES)


def _joined(*parts: Scored) -> Scored:
    return Scored(
        [span for part in parts for span in part.spans],
        np.concatenate([part.measures for part in parts]),
        np.concatenate([part.questions for part in parts]),
        NAMES,
    )


def _corpus() -> Scored:
    rng = np.random.default_rng(0)
    return _joined(
        _scored({}, "real", 300, rng),
        _scored({"blur.mouth": 5.0}, "blurred", 150, rng),
        _scored({"sync.lag": 5.0}, "shifted", 150, rng),
    )


def _likelihoods(scored: Scored) -> F64:
    weights = fit_ways(scored)
    traces = greatest_traces(scored, weights)
    return to_likelihood(traces, *fit_likelihood(traces, scored.made, scored.kinds))


def test_every_kind_is_an_example_of_a_way() -> None:
    assert set(WAY_OF.values()) <= set(WAYS)


def test_what_tells_a_way_gets_weight_and_nothing_is_negative() -> None:
    weights = fit_ways(_corpus())
    assert set(weights) == {"sound", "face"}
    for way, name in (("sound", "sync.lag"), ("face", "blur.mouth")):
        rest = [w for other, w in weights[way].items() if other != name]
        assert weights[way][name] > 3 * max(rest, default=0)
        assert min(weights[way].values()) >= 0


def test_the_threshold_lets_few_real_clips_over_it() -> None:
    scored = _corpus()
    value = _likelihoods(scored)
    threshold = find_threshold(value[~scored.made])
    assert (value[~scored.made] >= threshold).mean() <= FALSE_ALARMS + 1 / 300
    rates = error_rates(scored, value, threshold)
    assert rates["real called made"] <= 2.5 * FALSE_ALARMS
    assert rates["blurred missed"] < 0.1
    assert rates["shifted missed"] < 0.1


def test_a_kind_that_no_measure_sees_is_missed_and_said_so() -> None:
    scored = _joined(_corpus(), _scored({}, "tinted", 200, np.random.default_rng(3)))
    value = _likelihoods(scored)
    threshold = find_threshold(value[~scored.made])
    assert error_rates(scored, value, threshold)["tinted missed"] > 0.9


@pytest.mark.parametrize(
    ("real", "made", "expected"),
    [([0, 1], [2, 3], 1.0), ([2, 3], [0, 1], 0.0), ([1, 1], [1, 1], 0.5), ([0, 2], [1], 0.5)],
)
def test_area_under_curve(real: list[float], made: list[float], expected: float) -> None:
    assert area_under_curve(np.array(real, float), np.array(made, float)) == expected


def test_a_persons_own_real_clips_are_not_what_they_are_scored_against() -> None:
    """Somebody who is unlike all others stands out, however many clips of them there are."""
    others = [_clip(f"p{i}", "real", float(np.sin(i)), i) for i in range(40)]
    odd = [_clip("q", "real", 50.0 + i, i) for i in range(500)]
    scored = score_without_person([*others, *odd], [Measure("blur.mouth", "", "high")])
    z = scored.questions[len(others) :, list(QUESTIONS).index("blur")]
    assert (z > 8).all()


def test_short_clips_are_compared_with_short_ones() -> None:
    """Windows of long clips are short spans; their whole is not."""
    rng = np.random.default_rng(1)
    clips = [
        replace(
            _clip(f"p{i}", "real", float(rng.normal()), i),
            windows=({"blur.mouth": 10 + float(rng.normal())},),
        )
        for i in range(60)
    ]
    brief = _clip("q", "real", 10.0)
    brief = replace(brief, clip=replace(brief.clip, seconds=1.2))
    scored = score_without_person([*clips, brief], [Measure("blur.mouth", "", "high")])
    assert abs(scored.measures[-1, 0]) < 1
