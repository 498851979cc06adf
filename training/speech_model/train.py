"""Train the network that turns speech into lips.

    python -m training.speech_model.train configs/train/lip_lstm.yaml [--resume] [--dry-run]
    torchrun --nproc-per-node 4 -m training.speech_model.train configs/train/lip_lstm.yaml --device
    cuda

The options are printed and saved beside the run. `state.pt` resumes it, to the same end as if it
had not stopped; the .safetensors file is what ships.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import time
from dataclasses import astuple
from fractions import Fraction
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lipsync
from lipsync.errors import OptionsError
from lipsync.learning import run_state
from lipsync.speech import lip_model
from lipsync.speech.lip_model import LipDims, LipLSTM
from lipsync.types import LipTrack
from training.corpus import dataset
from training.evaluation import metrics
from training.evaluation.baselines import by_network
from training.parallel import distributed
from training.parallel.distributed import Ranks
from training.speech_model import batches
from training.speech_model.batches import TrainingSet
from training.speech_model.options import TrainOptions, read_config, text
from training.speech_model.trainer import Learner

Pairs = list[tuple[LipTrack, LipTrack]]  # true, predicted


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(
        prog="python -m training.speech_model.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="the run's folder goes here")
    parser.add_argument("--resume", action="store_true", help="go on from the last state")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--speakers", nargs="+", metavar="NAME", help="instead of the config's")
    parser.add_argument("--precision", help="float32, bfloat16 or float16, for the config's")
    parser.add_argument("--dry-run", action="store_true", help="print the options and stop")
    args = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # torchrun ends the others so
    with distributed.command():
        changes = {"speakers": args.speakers, "precision": args.precision}
        changes = {key: value for key, value in changes.items() if value is not None}
        options = read_config(args.config, **changes)
        if distributed.speaks():
            print(text(options))
        if not args.dry_run:
            train(options, args.data, args.out / options.name, args.resume, args.device)


def train(
    options: TrainOptions, data: Path, run: Path, resume: bool = False, device: str = "cpu"
) -> Path:
    """Train and write run/<name>.safetensors; returns its path."""
    weights = run / f"{options.name}.safetensors"
    with distributed.together(device) as here:
        speakers = [dataset.load(data, name) for name in options.speakers]
        if here.first:
            run.mkdir(parents=True, exist_ok=True)
            (run / "options.yaml").write_text(text(options), "utf-8")
        model = fit(options, speakers, run, resume, here)
        if here.first:
            model.meta = _meta(options, speakers, articulation(model, speakers))
            model.save(weights)
    return weights


def fit(
    options: TrainOptions, speakers: list[dataset.Speaker], run: Path, resume: bool, here: Ranks
) -> LipLSTM:
    """Train, keeping run/state.pt after every epoch; returns the network that ships.

    Raises:
        LipsyncError: data or options that cannot be trained with.
        KeyboardInterrupt: stopped; the text says how to go on.
    """
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    shared = here.count > 1 or parent_process() is not None  # others are at work on these cores
    processes = 1 if shared else os.cpu_count() or 1
    data = batches.gather(speakers, options, "features" if here.first else "", processes)
    model = build(options, data)
    if not here.first:
        torch.manual_seed(options.seed + here.rank)  # dropout of its own
    learner = Learner(model, options, here, data.scales(options.stride))
    done = _resumed(run / "state.pt", learner, rng) if resume else 0
    try:
        while done < options.epochs:
            started_s = time.perf_counter()
            line = f"epoch {done + 1}/{options.epochs} loss {_epoch(learner, data, rng, done):.4f}"
            _store(run / "state.pt", done + 1, learner, rng)
            done += 1
            if here.first and (done % options.report_every_epochs == 0 or done == options.epochs):
                line += "  " + validate(learner.result, speakers)
            if here.first:
                took_s = time.perf_counter() - started_s
                print(f"{line}  {took_s:.1f} s", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped after epoch {done} of {options.epochs}; --resume goes on from there"
            if done
            else "stopped in the first epoch; there is nothing to resume yet"
        ) from None
    return learner.result


def _epoch(learner: Learner, data: TrainingSet, rng: np.random.Generator, epoch: int) -> float:
    """Take an epoch's steps; returns the mean loss."""
    options, here = learner.options, learner.here
    steps = batches.per_epoch(data, options, here)
    rows = batches.epoch(data, options, learner.model.dims, rng, here)
    losses = [
        learner.learn(batch, step / (options.epochs * steps))
        for step, batch in enumerate(rows, epoch * steps)
    ]
    loss = here.mean(torch.stack(losses).double().mean())
    if not np.isfinite(loss):
        raise OptionsError(
            f"epoch {epoch + 1}: the loss is {loss}; take a lower learning_rate, or another "
            "precision"
        )
    return loss


def build(options: TrainOptions, data: TrainingSet) -> LipLSTM:
    """A fresh network that knows the training set's normalisation and principal components."""
    dims = LipDims(
        options.features.size, options.hidden, options.layers, options.bidirectional,
        options.components, options.delay, options.stride, options.dropout, options.members,
    )  # fmt: skip
    model = LipLSTM(dims, options.features)
    shapes = data.shapes().double()
    mean = shapes.mean(0)
    _, _, directions = torch.linalg.svd(shapes - mean, full_matrices=False)
    model.shape_mean.copy_(mean)
    model.basis.copy_(directions[: dims.components])
    model.input_mean.copy_(data.mean)
    model.input_std.copy_(data.std)
    return model


def validate(model: LipLSTM, speakers: list[dataset.Speaker]) -> str:
    """One line of figures on the speakers' validation clips."""
    f = validated(model, speakers)
    if f is None:
        return "(no clip to validate on)"
    return (
        f"r_open {f.r_open:.3f} r_width {f.r_width:.3f} rmse {f.rmse:.4f} "
        f"articulation {f.articulation:.2f} lag {f.lag_ms:+.0f} ms"
    )


def articulation(model: LipLSTM, speakers: list[dataset.Speaker]) -> float:
    """Of the network as it learnt: the std of its opening / that of the true one; 1: not known."""
    f = validated(model, speakers)
    return 1.0 if f is None or not np.isfinite(f.articulation) else f.articulation


def validated(model: LipLSTM, speakers: list[dataset.Speaker]) -> metrics.LipFigures | None:
    """Figures on the speakers' validation clips; None if there are none."""
    groups: dict[Fraction, Pairs] = {}
    for speaker in speakers:
        clips = dataset.split(speaker.clips)[1]
        for clip, lips in zip(clips, predicted(model, speaker, clips), strict=True):
            groups.setdefault(clip.lips.rate, []).append((clip.lips, lips))
    if not groups:
        return None
    # Figures are those of one frame rate; of several, the mean in which every clip counts.
    rows = [astuple(metrics.figures(*map(list, zip(*g, strict=True)))) for g in groups.values()]
    means = np.average(rows, axis=0, weights=[len(g) for g in groups.values()])
    return metrics.LipFigures(*means.tolist())


def predicted(
    model: LipLSTM, speaker: dataset.Speaker, clips: list[dataset.Clip]
) -> list[LipTrack]:
    """The lips of a speaker's clips, as a render would have them."""
    was_training = model.training
    model.eval()
    found = by_network(model)(speaker, clips)
    model.train(was_training)
    return found


def _store(path: Path, epoch: int, learner: Learner, rng: np.random.Generator) -> None:
    """Let the first process write where all of them stand."""
    here = learner.here
    dropout = here.gather(run_state.random_state(here.device))
    if here.first:
        drawn = json.dumps(rng.bit_generator.state)
        state = {"epoch": epoch, **learner.state(), "rng": drawn, "dropout_rng": dropout}
        run_state.store(path, state, learner.options)


def _resumed(path: Path, learner: Learner, rng: np.random.Generator) -> int:
    """Go on from a state, if there is one; returns the epochs done."""
    here = learner.here
    state = here.from_first(lambda: run_state.restore(path, learner.options))
    if state is None:
        return 0
    learner.load(state)
    rng.bit_generator.state = json.loads(state["rng"])
    if here.rank < len(state["dropout_rng"]):
        run_state.set_random_state(state["dropout_rng"][here.rank], here.device)
    return int(state["epoch"])


def _meta(
    options: TrainOptions, speakers: list[dataset.Speaker], articulated: float
) -> dict[str, Any]:
    ratios = [s.profile.opening_range / s.profile.width for s in speakers]
    command = ["python", "-m", "training.speech_model.train", f"configs/train/{options.name}.yaml"]
    return {
        lip_model.OPENING_RATIO: round(float(np.mean(ratios)), 4),
        lip_model.ARTICULATION: round(articulated, 3),
        "name": options.name,
        "description": options.description,
        "version": lipsync.__version__,
        "licence": options.licence,
        "training_data": list(options.speakers),
        "command": shlex.join([*command, "--speakers", *options.speakers]),
    }


if __name__ == "__main__":
    main()
