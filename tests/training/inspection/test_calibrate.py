"""The calibration of inspections: weights, threshold and error rates from measured clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lipsync.inspection.measures import Measure
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.ways import WAYS
from training.inspection.calibrate import to_threshold
from training.inspection.corpus_manifest import ClipEntry
from training.inspection.held_out import FALSE_ALARMS, HeldOut, find_limit
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


def _held_out(scored: Scored) -> HeldOut:
    train = scored.where(lambda one: not one.held_out)
    return HeldOut.of(scored, greatest_traces(scored, fit_ways(train)))


def test_every_kind_is_an_example_of_a_way() -> None:
    assert set(WAY_OF.values()) <= set(WAYS)


def test_what_tells_a_way_gets_weight_and_nothing_is_negative() -> None:
    weights = fit_ways(_corpus())
    assert set(weights) == {"sound", "face"}
    for way, name in (("sound", "sync.lag"), ("face", "blur.mouth")):
        rest = [w for other, w in weights[way].items() if other != name]
        assert weights[way][name] > 3 * max(rest, default=0)
        assert min(weights[way].values()) >= 0


def test_few_real_clips_are_called_made_and_most_made_ones_are() -> None:
    rates = _held_out(_corpus()).rates()
    assert rates["real called made"] <= 2.5 * FALSE_ALARMS
    assert rates["blurred missed"] < 0.2  # by detectors that know no kind of its way
    assert rates["shifted missed"] < 0.2


def test_a_kind_that_no_measure_sees_is_missed_and_said_so() -> None:
    unseen = _scored({}, "tinted", 200, np.random.default_rng(3))
    held = _held_out(_joined(_corpus(), unseen))
    assert held.rates()["tinted missed"] > 0.9
    assert held.area("tinted", np.full(len(held.shipped), True)) == pytest.approx(0.5, abs=0.1)


def test_a_person_is_judged_by_the_limit_of_others() -> None:
    """Somebody whose recordings stand out is called made: their own do not raise the limit."""
    clips = [Span(_clip(f"p{i % 5 + 5}", "real", number=i), True, {}) for i in range(500)]
    traces = np.random.default_rng(2).normal(0, 1, 500)
    traces[[i for i, one in enumerate(clips) if one.person == "p9"]] += 10
    z = np.zeros((500, len(NAMES)))
    held = HeldOut(Scored(clips, z, np.zeros((500, len(QUESTIONS))), NAMES), traces, {})
    called = held.called_made()
    assert called[traces > 5].all()
    assert called[traces < 5].mean() < 2 * FALSE_ALARMS


def test_the_threshold_is_the_likelihood_of_the_limit() -> None:
    real = np.linspace(0, 1, 1001)
    limit = find_limit(real)
    assert (real > limit).mean() <= FALSE_ALARMS
    slope, bias = fit_likelihood(
        np.array([0.0, 0.1, 0.2, 2.0, 2.1, 2.2]), np.arange(6) > 2, ["real"] * 3 + ["blurred"] * 3
    )
    assert slope > 0
    threshold = to_threshold(limit, slope, bias)
    below, above = (1 / (1 + np.exp(-(bias + slope * at))) for at in (limit, limit + 0.01))
    assert below <= threshold <= above


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
