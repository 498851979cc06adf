"""One training run of a mouth decoder: its files, its reports, stopping and resuming it.

Beside the weights `x.safetensors` lie `x.losses.csv`, the training curve, and until the run is
complete `x.state.pt`, from which a stopped run resumes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lipsync.errors import OptionsError
from lipsync.learning import metrics_log, run_state
from lipsync.learning.mouth_decoder.early_stopping import (
    TrainingProgress,
    run_training,
    split_pairs,
)
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.learning.mouth_decoder.pairs import Pairs
from lipsync.learning.mouth_decoder.trainer import (
    HeldOutMetrics,
    MouthDecoderTrainer,
    build_decoder,
)
from lipsync.mouth.decoder.network import DecoderDims, MouthDecoder
from lipsync.runtime.interrupt import graceful_interrupt
from lipsync.speech.features import PHONES
from lipsync.types import F32, I64, Progress

RESUMABLE = frozenset(("patience", "licence"))  # options that a resumed run may change

Log = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class DecoderData:
    """All that one person's footage teaches."""

    pairs: Pairs
    seconds: float  # of footage in which the mouth is usable
    source: dict[str, Any]  # what weights say of the footage
    digest: str  # changes with the footage and with how pairs are made
    thumbnails: list[F32]  # of the person's upper face


@dataclass(frozen=True, eq=False)
class TrainedDecoder:
    """The result of a run."""

    before: HeldOutMetrics  # of the medians that the decoder refines
    after: HeldOutMetrics
    progress: TrainingProgress
    network: MouthDecoder


def state_path(output: Path) -> Path:
    """Where a run that is to end in `output` keeps the state from which it resumes."""
    return output.with_suffix(".state.pt")


def curve_path(output: Path) -> Path:
    """Where it writes its reports."""
    return output.with_suffix(".losses.csv")


def train_decoder(
    data: DecoderData,
    options: LearnOptions,
    output: Path,
    device: str = "cpu",
    resume: bool = False,
    progress: Progress | None = None,
    log: Log | None = None,
) -> TrainedDecoder:
    """Train a decoder; only its state and curve are written, `output` is left to the caller.

    Args:
        log: called with a line of text for every report.

    Raises:
        OptionsError: the state to resume from belongs to other options or other footage.
        KeyboardInterrupt: the run was stopped; its state is kept.
    """
    run = _Run(data, options, output, device, log or (lambda line: None))
    if resume:
        run.restore()
    before = run.measure_median()
    with graceful_interrupt() as stopped:
        steps = run_training(run.trainer, data.pairs, run.progress, run.report, stopped.is_set)
        for step in steps:
            if progress is not None:
                progress("learn", step, options.steps)
            if stopped.is_set() or step % options.report_every == 0:
                run.save()
        if stopped.is_set() and run.progress.step < options.steps:
            raise stopped.error(
                f"stopped after step {run.progress.step} of {options.steps}; "
                "--resume goes on from there"
            )
    network = run.finish()
    after = run.trainer.evaluate(data.pairs, run.held_out, network)
    return TrainedDecoder(before, after, run.progress, network)


class _Run:
    """The parts of one run, and its bookkeeping on disk."""

    def __init__(
        self, data: DecoderData, options: LearnOptions, output: Path, device: str, log: Log
    ) -> None:
        self.data, self.options, self.output, self.log = data, options, output, log
        self.rows: I64
        self.held_out: I64
        self.rows, self.held_out = split_pairs(data.pairs)
        refines = options.mouth_input == "median"
        dims = DecoderDims(data.pairs.true.shape[2], options.mouth_width, PHONES, refines=refines)
        network = build_decoder(data.pairs, dims, self.rows, options.seed)
        self.trainer = MouthDecoderTrainer(network, options, device)
        self.progress = TrainingProgress()
        self._began = time.monotonic()

    def restore(self) -> None:
        """Continue from the state on disk, if there is one.

        Raises:
            OptionsError: it belongs to other options or other footage.
        """
        file = state_path(self.output)
        state = run_state.load_state(file, self.options, RESUMABLE)
        if state is None:
            return
        if state["lesson"] != self.data.digest:
            raise OptionsError(
                f"{file}: of a run on other footage; train from the start without --resume"
            )
        self.trainer.load(state)
        self.progress = TrainingProgress(**state["course"])
        self._began = time.monotonic() - 60 * self.progress.minutes

    def save(self) -> None:
        """Write the state from which the run resumes."""
        self._count_minutes()
        progress = {"course": asdict(self.progress), "lesson": self.data.digest}
        whole = {**self.trainer.state(), **progress}
        run_state.save_state(state_path(self.output), whole, self.options)

    def measure_median(self) -> HeldOutMetrics:
        """Held-out metrics of the medians, which the decoder starts from."""
        before = self.trainer.evaluate(self.data.pairs, self.held_out, None)
        self.log(
            f"{len(self.rows)} mouths to learn from, {len(self.held_out)} held out; the median: "
            f"{before.psnr:.2f} dB, SSIM {before.ssim:.4f}, sharpness {before.sharpness:.2f}"
        )
        return before

    def report(
        self, progress: TrainingProgress, means: dict[str, float], metrics: HeldOutMetrics
    ) -> None:
        """Append a row to the training curve, and say so."""
        self._count_minutes()
        held_out = {f"held_{name}": value for name, value in asdict(metrics).items()}
        row = {"step": float(progress.step), "minutes": round(progress.minutes, 2)}
        metrics_log.append(curve_path(self.output), {**row, **means, **held_out})
        self.log(
            f"step {progress.step} of {self.options.steps}, {progress.minutes:.1f} min: held out "
            f"{metrics.psnr:.2f} dB, SSIM {metrics.ssim:.4f}, sharpness {metrics.sharpness:.2f}"
        )

    def finish(self) -> MouthDecoder:
        """The best averaged weights, ready to use."""
        network = self.trainer.result
        if self.trainer.best is not None:
            network.load_state_dict(self.trainer.best)
        network.eval().requires_grad_(False)
        if self.data.thumbnails:
            network.known = torch.from_numpy(np.stack(self.data.thumbnails)).half()
        return network

    def _count_minutes(self) -> None:
        self.progress.minutes = (time.monotonic() - self._began) / 60
