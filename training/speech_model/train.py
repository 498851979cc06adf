"""Train the speech model: audio features → lips.

    python -m training.speech_model.train configs/train/lip_lstm.yaml [--resume] [--dry-run]
    torchrun --nproc-per-node 4 -m training.speech_model.train configs/train/lip_lstm.yaml \\
        --device cuda

The options are printed and saved in the run's folder. `state.pt` resumes a stopped run with the
same final result; the .safetensors file is the trained model.
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
from training import metrics
from training.corpus import dataset
from training.parallel import distributed
from training.parallel.distributed import ProcessGroup
from training.speech_model import batches
from training.speech_model.batches import TrainingSet
from training.speech_model.options import TrainOptions, read_config, to_yaml
from training.speech_model.trainer import SpeechModelTrainer

TrackPairs = list[tuple[LipTrack, LipTrack]]  # true, predicted


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
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # torchrun ends processes by SIGTERM
    with distributed.exit_with_message():
        changes = {"speakers": args.speakers, "precision": args.precision}
        changes = {key: value for key, value in changes.items() if value is not None}
        options = read_config(args.config, **changes)
        if distributed.is_local_main():
            print(to_yaml(options))
        if not args.dry_run:
            train(options, args.data, args.out / options.name, args.resume, args.device)


def train(
    options: TrainOptions, data: Path, run: Path, resume: bool = False, device: str = "cpu"
) -> Path:
    """Train and write run/<name>.safetensors; returns its path."""
    weights = run / f"{options.name}.safetensors"
    with distributed.join_processes(device) as group:
        speakers = [dataset.load(data, name) for name in options.speakers]
        if group.is_main:
            run.mkdir(parents=True, exist_ok=True)
            (run / "options.yaml").write_text(to_yaml(options), "utf-8")
        model = fit(options, speakers, run, resume, group)
        if group.is_main:
            model.meta = _metadata(options, speakers, validation_articulation(model, speakers))
            model.save(weights)
    return weights


def fit(
    options: TrainOptions,
    speakers: list[dataset.Speaker],
    run: Path,
    resume: bool,
    group: ProcessGroup,
) -> LipLSTM:
    """Train, saving run/state.pt after every epoch; returns the network to save.

    Raises:
        LipsyncError: unusable data or options.
        KeyboardInterrupt: stopped; the message says how to resume.
    """
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    shared = group.count > 1 or parent_process() is not None  # other processes share these cores
    processes = 1 if shared else os.cpu_count() or 1
    data = batches.build_training_set(
        speakers, options, "features" if group.is_main else "", processes
    )
    model = build(options, data)
    if not group.is_main:
        torch.manual_seed(options.seed + group.rank)  # a dropout seed per process
    trainer = SpeechModelTrainer(model, options, group, data.scales(options.stride))
    done = _resume(run / "state.pt", trainer, rng) if resume else 0
    try:
        while done < options.epochs:
            started_s = time.perf_counter()
            loss = _train_epoch(trainer, data, rng, done)
            line = f"epoch {done + 1}/{options.epochs} loss {loss:.4f}"
            _save_state(run / "state.pt", done + 1, trainer, rng)
            done += 1
            if group.is_main and (
                done % options.report_every_epochs == 0 or done == options.epochs
            ):
                line += "  " + validation_summary(trainer.result, speakers)
            if group.is_main:
                took_s = time.perf_counter() - started_s
                print(f"{line}  {took_s:.1f} s", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped after epoch {done} of {options.epochs}; --resume goes on from there"
            if done
            else "stopped in the first epoch; there is nothing to resume yet"
        ) from None
    return trainer.result


def _train_epoch(
    trainer: SpeechModelTrainer, data: TrainingSet, rng: np.random.Generator, epoch: int
) -> float:
    """Take the steps of an epoch; returns the mean loss."""
    options, group = trainer.options, trainer.group
    steps = batches.batches_per_epoch(data, options, group)
    rows = batches.epoch_batches(data, options, trainer.model.dims, rng, group)
    losses = [
        trainer.train_step(batch, step / (options.epochs * steps))
        for step, batch in enumerate(rows, epoch * steps)
    ]
    loss = group.mean(torch.stack(losses).double().mean())
    if not np.isfinite(loss):
        raise OptionsError(
            f"epoch {epoch + 1}: the loss is {loss}; take a lower learning_rate, or another "
            "precision"
        )
    return loss


def build(options: TrainOptions, data: TrainingSet) -> LipLSTM:
    """Build an untrained network with the training set's normalization and principal components."""
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


def validation_summary(model: LipLSTM, speakers: list[dataset.Speaker]) -> str:
    """Metrics on the speakers' validation clips, as one line."""
    f = validation_metrics(model, speakers)
    if f is None:
        return "(no clip to validate on)"
    return (
        f"r_open {f.r_open:.3f} r_width {f.r_width:.3f} rmse {f.rmse:.4f} "
        f"articulation {f.articulation:.2f} lag {f.lag_ms:+.0f} ms"
    )


def validation_articulation(model: LipLSTM, speakers: list[dataset.Speaker]) -> float:
    """Articulation of the trained network on the validation clips; 1 if unknown."""
    f = validation_metrics(model, speakers)
    return 1.0 if f is None or not np.isfinite(f.articulation) else f.articulation


def validation_metrics(
    model: LipLSTM, speakers: list[dataset.Speaker]
) -> metrics.LipMetrics | None:
    """Metrics on the speakers' validation clips; None if there are none."""
    groups: dict[Fraction, TrackPairs] = {}
    for speaker in speakers:
        clips = dataset.split(speaker.clips)[1]
        for clip, lips in zip(clips, predict_lips(model, speaker, clips), strict=True):
            groups.setdefault(clip.lips.rate, []).append((clip.lips, lips))
    if not groups:
        return None
    # Metrics need one frame rate: average over the rates, weighted by clips.
    rows = [astuple(metrics.lip_metrics(*map(list, zip(*g, strict=True)))) for g in groups.values()]
    means = np.average(rows, axis=0, weights=[len(g) for g in groups.values()])
    return metrics.LipMetrics(*means.tolist())


def predict_lips(
    model: LipLSTM, speaker: dataset.Speaker, clips: list[dataset.Clip]
) -> list[LipTrack]:
    """Predict the lips of a speaker's clips, as a render would."""
    was_training = model.training
    model.eval()
    found = metrics.network_predictor(model)(speaker, clips)
    model.train(was_training)
    return found


def _save_state(
    path: Path, epoch: int, trainer: SpeechModelTrainer, rng: np.random.Generator
) -> None:
    """Write the state of all processes, in the main one."""
    group = trainer.group
    dropout = group.gather(run_state.get_rng_state(group.device))
    if group.is_main:
        drawn = json.dumps(rng.bit_generator.state)
        state = {"epoch": epoch, **trainer.state(), "rng": drawn, "dropout_rng": dropout}
        run_state.save_state(path, state, trainer.options)


def _resume(path: Path, trainer: SpeechModelTrainer, rng: np.random.Generator) -> int:
    """Restore the saved state, if there is one; returns the number of finished epochs."""
    group = trainer.group
    state = group.from_main(lambda: run_state.load_state(path, trainer.options))
    if state is None:
        return 0
    trainer.load(state)
    rng.bit_generator.state = json.loads(state["rng"])
    if group.rank < len(state["dropout_rng"]):
        run_state.set_rng_state(state["dropout_rng"][group.rank], group.device)
    return int(state["epoch"])


def _metadata(
    options: TrainOptions, speakers: list[dataset.Speaker], articulation: float
) -> dict[str, Any]:
    ratios = [s.profile.opening_range / s.profile.width for s in speakers]
    clips = [len(dataset.split(s.clips)[0]) for s in speakers]
    command = ["python", "-m", "training.speech_model.train", f"configs/train/{options.name}.yaml"]
    return {
        lip_model.OPENING_RATIO: round(float(np.average(ratios, weights=clips)), 4),
        lip_model.ARTICULATION: round(articulation, 3),
        "name": options.name,
        "description": options.description,
        "version": lipsync.__version__,
        "licence": options.licence,
        "training_data": list(options.speakers),
        "command": shlex.join([*command, "--speakers", *options.speakers]),
    }


if __name__ == "__main__":
    main()
