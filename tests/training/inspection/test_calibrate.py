"""The calibration of inspections: weights, threshold and error rates from measured clips."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.inspection.likelihood import BIAS
from lipsync.inspection.measures import Measure
from lipsync.inspection.questions import QUESTIONS
from training.inspection.calibrate import FALSE_ALARMS, error_rates, find_threshold
from training.inspection.corpus_manifest import ClipEntry
from training.inspection.measured_clips import ClipValues
from training.inspection.scored_clips import (
    Scored,
    area_under_curve,
    fit_likelihood,
    likelihoods,
    score_without_person,
)

KEYS = list(QUESTIONS)


def _clip(person: str, kind: str, value: float = 0.0, number: int = 0) -> ClipValues:
    path = f"{person}_{kind}_{number}.mp4"
    split = "train" if person < "p5" else "held_out"
    entry = ClipEntry(path, "x.mp4", person, "grid", split, kind)  # type: ignore[arg-type]
    return ClipValues(entry, {"blur.mouth": value}, ())


def _scored(columns: dict[str, float], kind: str, count: int, rng: np.random.Generator) -> Scored:
    """Clips of a kind whose questions have these mean scores; all others are normal."""
    z = rng.normal(0, 1, (count, len(KEYS)))
    for key, mean in columns.items():
        z[:, KEYS.index(key)] += mean
    return Scored([_clip(f"p{i % 10}", kind, number=i) for i in range(count)], z)


def _joined(*parts: Scored) -> Scored:
    clips = [clip for part in parts for clip in part.clips]
    return Scored(clips, np.concatenate([part.z for part in parts]))


def _corpus() -> Scored:
    rng = np.random.default_rng(0)
    return _joined(
        _scored({}, "real", 300, rng),
        _scored({"blur": 5.0}, "blurred", 150, rng),
        _scored({"sync": 5.0}, "shifted", 150, rng),
    )


def test_questions_that_tell_get_weight_and_none_is_negative() -> None:
    weights = fit_likelihood(_corpus())
    assert set(weights) == {*KEYS, BIAS}
    assert all(weights[key] >= 0 for key in KEYS)
    useless = max(weights[key] for key in KEYS if key not in ("blur", "sync"))
    assert weights["blur"] > 3 * useless
    assert weights["sync"] > 3 * useless


def test_the_threshold_lets_few_real_clips_over_it() -> None:
    scored = _corpus()
    weights = fit_likelihood(scored)
    real = likelihoods(scored.where(lambda one: one.clip.kind == "real"), weights)
    threshold = find_threshold(real)
    assert (real >= threshold).mean() <= FALSE_ALARMS + 1 / len(real)
    rates = error_rates(scored, weights, threshold)
    assert rates["real called made"] <= 2.5 * FALSE_ALARMS
    assert rates["blurred missed"] < 0.1


def test_a_kind_that_no_question_sees_is_missed_and_said_so() -> None:
    scored = _joined(_corpus(), _scored({}, "perfect", 200, np.random.default_rng(3)))
    weights = fit_likelihood(scored)
    real = likelihoods(scored.where(lambda one: one.clip.kind == "real"), weights)
    assert error_rates(scored, weights, find_threshold(real))["perfect missed"] > 0.9


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
    measure = Measure("blur.mouth", "", "high")
    scored = score_without_person([*others, *odd], [measure])
    z = scored.z[len(others) :, KEYS.index("blur")]
    assert (z > 8).all()
