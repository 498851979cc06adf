"""Train a face swap: one encoder for two people's faces, and a decoder for each.

    lipsync faces extract anna*.mp4 -o faces/anna
    lipsync faces extract bert*.mp4 -o faces/bert
    python -m training.face_autoencoder.train configs/train/light.yaml --a faces/anna --b faces/bert
    torchrun --nproc-per-node 4 -m training.face_autoencoder.train configs/train/gan.yaml --device
    cuda …

While it runs, the run's folder shows preview.png (held-out faces, made by both decoders),
losses.csv and losses.png. It can be stopped at any moment: `--resume` goes on from `state.pt` to
the same end. The .safetensors file is what `lipsync swap --model` takes.
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
from lipsync.runtime.interrupt import stopping
from training.face_autoencoder import perceptual, training_report
from training.face_autoencoder.batches import People, batches, habits, mean_face, open_people
from training.face_autoencoder.options import FREE, AutoencoderOptions, read_config
from training.face_autoencoder.trainer import FaceLearner
from training.parallel import distributed
from training.parallel.distributed import Ranks
from training.speech_model.options import text

STATE, FEATURES = "state.pt", "features.safetensors"
BETTER_DB = 0.02  # less is not better


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
    with distributed.command():
        changes = {"precision": args.precision, "steps": args.steps}
        changes = {key: value for key, value in changes.items() if value is not None}
        options = read_config(args.config, **changes)
        if distributed.speaks():
            print(text(options))
        if not args.dry_run:
            run = args.out / options.name
            train(options, args.a, args.b, run, args.resume, args.device)


def train(
    options: AutoencoderOptions, a: Path, b: Path, run: Path, resume: bool = False,
    device: str = "cpu",
) -> Path:  # fmt: skip
    """Train and write run/<name>.safetensors; returns its path.

    Raises:
        LipsyncError: sets, options or a folder that cannot be used.
        KeyboardInterrupt: stopped; the text says how to go on.
    """
    weights = run / f"{options.name}.safetensors"
    with distributed.together(device) as here:
        if options.batch % here.count:
            raise OptionsError(f"batch {options.batch} does not divide by {here.count} processes")
        if options.marks and options.batch // here.count % light.GROUP:
            raise OptionsError(
                f"batch {options.batch}: with marks each of {here.count} processes takes a "
                f"multiple of {light.GROUP}"
            )
        people = open_people(a, b, options)
        if here.first:
            run.mkdir(parents=True, exist_ok=True)
            (run / "options.yaml").write_text(text(options), "utf-8")
        network = fit(options, people, run, resume, here)
        if here.first:
            network.meta = _meta(options, people, training_report.held_out(network, people))
            network.known = {
                side: torch.from_numpy(np.stack(people.sets[side].some_upper())).half()
                for side in SIDES
            }
            network.save(weights)
    return weights


def fit(
    options: AutoencoderOptions, people: People, run: Path, resume: bool, here: Ranks
) -> FaceAutoencoder:
    """Train, keeping run/state.pt; returns the network that ships, with the mean weights."""
    torch.manual_seed(options.seed)
    network = build(options, people)
    learner = FaceLearner(network, options, here, _features(options, people, run, here))
    state = (
        here.from_first(lambda: run_state.restore(run / STATE, options, FREE)) if resume else None
    )
    progress: dict[str, Any] = {"step": 0, "sums": {}, "best": -np.inf, "since": 0, "minutes": 0.0}
    if state is not None:
        learner.load(state)
        progress = state["progress"]
    began = time.monotonic() - 60 * progress["minutes"]
    first = progress["step"]
    with stopping() as stopped:
        for step, ready in enumerate(batches(people, options, first, options.steps, here), first):
            parts = learner.learn(ready, step)
            _check(parts["total"], step)
            sums = progress["sums"]
            for name, value in parts.items():
                total, count = sums.get(name, (0.0, 0))
                sums[name] = (total + here.mean(value.double()), count + 1)
            progress["step"] = step + 1
            last = step + 1 == options.steps
            over = False
            if (step + 1) % options.report_every == 0 or last:
                progress["minutes"] = (time.monotonic() - began) / 60
                over = _report(learner, people, run, progress, here)
            halted = any(here.gather(stopped.is_set())) if here.count > 1 else stopped.is_set()
            if here.first and ((step + 1) % options.report_every == 0 or last or over or halted):
                progress["minutes"] = (time.monotonic() - began) / 60
                run_state.store(run / STATE, {**learner.state(), "progress": progress}, options)
            if over:
                break
            if halted:
                raise KeyboardInterrupt(
                    f"stopped after step {step + 1} of {options.steps}; --resume goes on from there"
                )
    return learner.result


def build(options: AutoencoderOptions, people: People) -> FaceAutoencoder:
    """A fresh network that knows the sets' colours, and their mean faces if it starts from them."""
    network = FaceAutoencoder(options.dims)
    network.register_buffer("shift", torch.from_numpy(people.shift))
    if options.marks:
        network.register_buffer("habits", habits(people, options.size))
    for side in SIDES:
        decoder = network.decoders[side]
        if isinstance(decoder, light.Decoder):
            decoder.begin_from(mean_face(people, side, options.size))
    return network


def _features(
    options: AutoencoderOptions, people: People, run: Path, here: Ranks
) -> perceptual.FaceFeatures | None:
    """The network of the perceptual loss, if it is wanted: the user's, or one made by the first."""
    if not options.losses.perceptual:
        return None
    place = Path(options.perceptual_weights or run / FEATURES)
    if options.perceptual_weights is None:
        here.from_first(lambda: perceptual.prepare(people, options, place))
    return perceptual.load(place, here.device)


def _report(
    learner: FaceLearner, people: People, run: Path, progress: dict[str, Any], here: Ranks
) -> bool:
    """Measure, draw and print; whether training has stopped to help."""
    network, options = learner.result, learner.options
    was = network.training
    network.eval()
    found = here.from_first(lambda: training_report.held_out(network, people))
    value = float(np.mean(list(found.values())))
    better = value > progress["best"] + BETTER_DB
    progress["since"] = 0 if better else progress["since"] + 1
    progress["best"] = max(value, progress["best"])
    means = {name: total / count for name, (total, count) in progress["sums"].items()}
    progress["sums"] = {}
    if here.first:
        row = {"step": float(progress["step"]), "minutes": round(progress["minutes"], 2), **means}
        row |= {f"psnr_{side}": found[side] for side in SIDES}
        metrics_log.append(run / "losses.csv", row)
        training_report.curves(run / "losses.png", metrics_log.read(run / "losses.csv"))
        training_report.save_grid(run / "preview.png", training_report.grid(network, people))
        shown = "  ".join(f"{name} {value:.4g}" for name, value in row.items())
        print(shown, file=sys.stderr, flush=True)
    network.train(was)
    return bool(options.patience and progress["since"] >= options.patience)


def _check(loss: torch.Tensor, step: int) -> None:
    if not torch.isfinite(loss):
        raise OptionsError(
            f"step {step + 1}: the loss is {float(loss)}; take a lower learning_rate, or another "
            "precision"
        )


def _meta(options: AutoencoderOptions, people: People, figures: dict[Any, float]) -> dict[str, Any]:
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
