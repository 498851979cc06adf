"""The course of a training: steps, held-out reports, and when it is over.

Every eighth stretch of the footage is held out: what ships are the mean weights of the moment that
drew it best, and training stops when that no longer improves. Whatever a step draws at random
depends on its number alone, so that a run that was stopped goes on to the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from lipsync.errors import OptionsError
from lipsync.learning.mouth_decoder.pairs import Pairs
from lipsync.learning.mouth_decoder.trainer import WARM_UP, Figures, MouthLearner
from lipsync.types import I64, Bools

HELD_EVERY = 8  # stretches


@dataclass
class Course:
    """Where a run stands."""

    step: int = 0
    best: float = float("inf")
    since: int = 0  # reports without a better one
    minutes: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0

    def add(self, parts: dict[str, float]) -> None:
        """One step's losses."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.counted += 1

    def means(self) -> dict[str, float]:
        """Of the steps since the last call."""
        means = {name: value / self.counted for name, value in self.sums.items()}
        self.sums, self.counted = {}, 0
        return means


def split(pairs: Pairs) -> tuple[I64, I64]:
    """Rows to learn from, and rows held out: whole stretches."""
    first = min(HELD_EVERY // 2, int(pairs.stretch.max()) // 2)  # short footage has few
    held: Bools = pairs.stretch % HELD_EVERY == first
    return np.flatnonzero(~held), np.flatnonzero(held)


Report = Callable[[Course, dict[str, float], Figures], None]


def fit(
    learner: MouthLearner,
    pairs: Pairs,
    course: Course,
    report: Report,
    stopped: Callable[[], bool],
) -> Iterator[int]:
    """Train, yielding each finished step's number; ends when it is over.

    Args:
        course: where to go on from; kept up to date.
        report: is told the mean losses and the held-out figures, every `report_every` steps.
        stopped: whether somebody wants it to halt: it yields after the step and then waits.

    Raises:
        OptionsError: the loss is no number any more.
    """
    options = learner.options
    learn, held = split(pairs)
    while course.step < options.steps:
        rng = np.random.default_rng((options.seed, course.step))
        rows = np.sort(rng.choice(learn, options.batch, replace=len(learn) < options.batch))
        parts = learner.learn(learner.batch(pairs, rows, rng), course.step / options.steps)
        if not np.isfinite(parts["total"]):
            raise OptionsError(
                f"step {course.step + 1}: the loss is {parts['total']}; "
                "take a lower --learning-rate"
            )
        course.add(parts)
        course.step += 1
        over = False
        if course.step % options.report_every == 0 or course.step == options.steps:
            figures = learner.judge_held(pairs, held, learner.result)
            counts = course.step > 2 * WARM_UP * options.steps or course.step == options.steps
            if counts and (figures.loss < course.best or learner.best is None):
                course.best, course.since = figures.loss, 0
                learner.keep_best()
            elif counts:
                course.since += 1
            report(course, course.means(), figures)
            over = bool(options.patience and course.since >= options.patience)
        yield course.step
        if over or stopped():
            return
