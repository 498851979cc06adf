"""Training loop with held-out reports and early stopping.

Every eighth stretch of the footage is held out. The result is the averaged weights of the report
with the lowest held-out loss; training stops when that loss no longer improves. Random draws of a
step are seeded by its number alone, so an interrupted run resumes to the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from lipsync.errors import OptionsError
from lipsync.learning.mouth_decoder.pairs import Pairs
from lipsync.learning.mouth_decoder.trainer import WARM_UP, HeldOutMetrics, MouthDecoderTrainer
from lipsync.types import I64, Bools

HOLD_OUT_EVERY = 8  # stretches


@dataclass
class TrainingProgress:
    """Progress of a run; its fields are part of the saved state."""

    step: int = 0  # finished steps
    best: float = float("inf")  # lowest held-out loss so far
    since: int = 0  # reports since `best`
    minutes: float = 0.0  # of training
    sums: dict[str, float] = field(default_factory=dict)  # losses by part, since the last report
    counted: int = 0  # steps in `sums`

    def add(self, parts: dict[str, float]) -> None:
        """Add one step's losses."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.counted += 1

    def pop_means(self) -> dict[str, float]:
        """Return the mean losses since the last call and reset the sums."""
        means = {name: value / self.counted for name, value in self.sums.items()}
        self.sums, self.counted = {}, 0
        return means


def split_pairs(pairs: Pairs) -> tuple[I64, I64]:
    """Split rows into (training, held out) by whole stretches."""
    first = min(
        HOLD_OUT_EVERY // 2, int(pairs.stretch.max()) // 2
    )  # short footage has few stretches
    held_out: Bools = pairs.stretch % HOLD_OUT_EVERY == first
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


ReportFunction = Callable[[TrainingProgress, dict[str, float], HeldOutMetrics], None]


def run_training(
    trainer: MouthDecoderTrainer,
    pairs: Pairs,
    progress: TrainingProgress,
    report: ReportFunction,
    stopped: Callable[[], bool],
) -> Iterator[int]:
    """Train, yielding the number of each finished step, until done, stopped or out of patience.

    Args:
        progress: where to continue from; updated in place.
        report: called with the mean losses and the held-out metrics every `report_every` steps.
        stopped: polled after each step; true ends the run once the step has been yielded.

    Raises:
        OptionsError: the loss is not finite.
    """
    options = trainer.options
    training_rows, held_out = split_pairs(pairs)
    while progress.step < options.steps:
        rng = np.random.default_rng((options.seed, progress.step))
        replace = len(training_rows) < options.batch
        rows = np.sort(rng.choice(training_rows, options.batch, replace=replace))
        batch = trainer.batch(pairs, rows, rng)
        parts = trainer.train_step(batch, progress.step / options.steps)
        if not np.isfinite(parts["total"]):
            raise OptionsError(
                f"step {progress.step + 1}: the loss is {parts['total']}; "
                "take a lower --learning-rate"
            )
        progress.add(parts)
        progress.step += 1
        finished = False
        if progress.step % options.report_every == 0 or progress.step == options.steps:
            metrics = trainer.evaluate(pairs, held_out, trainer.result)
            comparable = (
                progress.step > 2 * WARM_UP * options.steps or progress.step == options.steps
            )
            if comparable and (metrics.loss < progress.best or trainer.best is None):
                progress.best, progress.since = metrics.loss, 0
                trainer.keep_best()
            elif comparable:
                progress.since += 1
            report(progress, progress.pop_means(), metrics)
            finished = bool(options.patience and progress.since >= options.patience)
        yield progress.step
        if finished or stopped():
            return
