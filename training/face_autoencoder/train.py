"""Train a face swap: a shared encoder of two people's faces, and a decoder for each.

    lipsync faces extract anna*.mp4 -o faces/anna
    lipsync faces extract bert*.mp4 -o faces/bert
    python -m training.face_autoencoder.train configs/train/light.yaml --a faces/anna --b faces/bert
    torchrun --nproc-per-node 4 -m training.face_autoencoder.train configs/train/gan.yaml \\
        --device cuda …

The run's folder holds preview.png (held-out faces, decoded by both decoders), losses.csv and
losses.png, updated during training. A run can be stopped at any time; `--resume` continues from
`state.pt` with the same final result. The .safetensors file goes to `lipsync swap --model`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lipsync
from lipsync.errors import OptionsError
from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, light
from lipsync.learning import metrics_log, run_state
from lipsync.runtime.interrupt import graceful_interrupt
from training.face_autoencoder import perceptual, training_report
from training.face_autoencoder.batches import (
    TrainingFaces,
    batches,
    landmark_habits,
    mean_face,
    open_training_faces,
)
from training.face_autoencoder.options import CHANGEABLE, AutoencoderOptions, read_config
from training.face_autoencoder.trainer import FaceAutoencoderTrainer
from training.parallel import distributed
from training.parallel.distributed import ProcessGroup
from training.speech_model.options import to_yaml

STATE, FEATURES = "state.pt", "features.safetensors"
MIN_GAIN_DB = 0.02  # smallest gain of held-out PSNR that resets the patience


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(
        prog="python -m training.face_autoencoder.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--a", type=Path, required=True, help="one person's set of faces")
    parser.add_argument("--b", type=Path, required=True, help="the other's")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="the run's folder goes here")
    parser.add_argument("--resume", action="store_true", help="go on from the last state")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--precision", help="float32, bfloat16 or float16, for the config's")
    parser.add_argument("--steps", type=int, help="for the config's")
    parser.add_argument("--dry-run", action="store_true", help="print the options and stop")
    args = parser.parse_args(argv)
    with distributed.exit_with_message():
        changes = {"precision": args.precision, "steps": args.steps}
        changes = {key: value for key, value in changes.items() if value is not None}
        options = read_config(args.config, **changes)
        if distributed.is_local_main():
            print(to_yaml(options))
        if not args.dry_run:
            run = args.out / options.name
            train(options, args.a, args.b, run, args.resume, args.device)


def train(
    options: AutoencoderOptions, a: Path, b: Path, run: Path, resume: bool = False,
    device: str = "cpu",
) -> Path:  # fmt: skip
    """Train and write run/<name>.safetensors; returns its path.

    Raises:
        LipsyncError: unusable face sets, options or folder.
        KeyboardInterrupt: stopped; the message says how to resume.
    """
    weights = run / f"{options.name}.safetensors"
    with distributed.join_processes(device) as group:
        if options.batch % group.count:
            raise OptionsError(f"batch {options.batch} does not divide by {group.count} processes")
        if options.marks and options.batch // group.count % light.GROUP:
            raise OptionsError(
                f"batch {options.batch}: with marks each of {group.count} processes takes a "
                f"multiple of {light.GROUP}"
            )
        people = open_training_faces(a, b, options)
        if group.is_main:
            run.mkdir(parents=True, exist_ok=True)
            (run / "options.yaml").write_text(to_yaml(options), "utf-8")
        network = fit(options, people, run, resume, group)
        if group.is_main:
            network.meta = _metadata(
                options, people, training_report.held_out_psnr(network, people)
            )
            network.thumbnails = {
                side: torch.from_numpy(np.stack(people.sets[side].sample_thumbnails())).half()
                for side in SIDES
            }
            network.save(weights)
    return weights


def fit(
    options: AutoencoderOptions, people: TrainingFaces, run: Path, resume: bool, group: ProcessGroup
) -> FaceAutoencoder:
    """Train, saving run/state.pt; returns the network to save, with averaged weights."""
    torch.manual_seed(options.seed)
    network = build(options, people)
    trainer = FaceAutoencoderTrainer(
        network, options, group, _perceptual_features(options, people, run, group)
    )
    state = (
        group.from_main(lambda: run_state.load_state(run / STATE, options, CHANGEABLE))
        if resume
        else None
    )
    progress: dict[str, Any] = {"step": 0, "sums": {}, "best": -np.inf, "since": 0, "minutes": 0.0}
    if state is not None:
        trainer.load(state)
        progress = state["progress"]
    began = time.monotonic() - 60 * progress["minutes"]
    first = progress["step"]
    with graceful_interrupt() as stopped:
        for step, ready in enumerate(batches(people, options, first, options.steps, group), first):
            parts = trainer.train_step(ready, step)
            _check_finite(parts["total"], step)
            sums = progress["sums"]
            for name, value in parts.items():
                total, count = sums.get(name, (0.0, 0))
                sums[name] = (total + group.mean(value.double()), count + 1)
            progress["step"] = step + 1
            last = step + 1 == options.steps
            over = False
            if (step + 1) % options.report_every == 0 or last:
                progress["minutes"] = (time.monotonic() - began) / 60
                over = _report(trainer, people, run, progress, group)
            halted = any(group.gather(stopped.is_set())) if group.count > 1 else stopped.is_set()
            if group.is_main and ((step + 1) % options.report_every == 0 or last or over or halted):
                progress["minutes"] = (time.monotonic() - began) / 60
                run_state.save_state(
                    run / STATE, {**trainer.state(), "progress": progress}, options
                )
            if over:
                break
            if halted:
                raise KeyboardInterrupt(
                    f"stopped after step {step + 1} of {options.steps}; --resume goes on from there"
                )
    return trainer.result


def build(options: AutoencoderOptions, people: TrainingFaces) -> FaceAutoencoder:
    """Build an untrained network with the sets' color shift, habits and mean faces."""
    network = FaceAutoencoder(options.dims)
    network.register_buffer("shift", torch.from_numpy(people.shift))
    if options.marks:
        network.register_buffer("habits", landmark_habits(people, options.size))
    for side in SIDES:
        decoder = network.decoders[side]
        if isinstance(decoder, light.Decoder):
            decoder.start_from_mean(mean_face(people, side, options.size))
    return network


def _perceptual_features(
    options: AutoencoderOptions, people: TrainingFaces, run: Path, group: ProcessGroup
) -> perceptual.FaceFeatures | None:
    """The network of the perceptual loss, if weighted: from a file, or trained here."""
    if not options.losses.perceptual:
        return None
    place = Path(options.perceptual_weights or run / FEATURES)
    if options.perceptual_weights is None:
        group.from_main(lambda: perceptual.train_features(people, options, place))
    return perceptual.load(place, group.device)


def _report(
    trainer: FaceAutoencoderTrainer,
    people: TrainingFaces,
    run: Path,
    progress: dict[str, Any],
    group: ProcessGroup,
) -> bool:
    """Evaluate, draw and print; returns whether the patience is exhausted."""
    network, options = trainer.result, trainer.options
    was = network.training
    network.eval()
    found = group.from_main(lambda: training_report.held_out_psnr(network, people))
    value = float(np.mean(list(found.values())))
    better = value > progress["best"] + MIN_GAIN_DB
    progress["since"] = 0 if better else progress["since"] + 1
    progress["best"] = max(value, progress["best"])
    means = {name: total / count for name, (total, count) in progress["sums"].items()}
    progress["sums"] = {}
    if group.is_main:
        row = {"step": float(progress["step"]), "minutes": round(progress["minutes"], 2), **means}
        row |= {f"psnr_{side}": found[side] for side in SIDES}
        metrics_log.append(run / "losses.csv", row)
        training_report.plot_curves(run / "losses.png", metrics_log.read(run / "losses.csv"))
        training_report.save_grid(run / "preview.png", training_report.draw_grid(network, people))
        shown = "  ".join(f"{name} {value:.4g}" for name, value in row.items())
        print(shown, file=sys.stderr, flush=True)
    network.train(was)
    return bool(options.patience and progress["since"] >= options.patience)


def _check_finite(loss: torch.Tensor, step: int) -> None:
    if not torch.isfinite(loss):
        raise OptionsError(
            f"step {step + 1}: the loss is {float(loss)}; take a lower learning_rate, or another "
            "precision"
        )


def _metadata(
    options: AutoencoderOptions, people: TrainingFaces, figures: dict[Any, float]
) -> dict[str, Any]:
    return {
        "name": options.name,
        "description": options.description,
        "version": lipsync.__version__,
        "licence": options.licence,
        "scheme": people.sets["a"].scheme.name,
        "people": {side: people.sets[side].name for side in SIDES},
        "sets": {side: people.sets[side].digest for side in SIDES},
        "held_out_psnr_db": {side: round(figures[side], 2) for side in SIDES},
    }


if __name__ == "__main__":
    main()
