"""Train the network that turns speech into lips.

    python -m training.train_lip_lstm configs/train/lip_lstm.yaml [--resume] [--dry-run]

The options are printed and saved beside the run. `state.pt` resumes it, to the same end as if it
had not stopped; the .safetensors file is what ships.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

import lipsync
from lipsync import features, lip_lstm
from lipsync.errors import LipsyncError, OptionsError
from lipsync.learning import Losses, lip_loss, resample, variances
from lipsync.lip_lstm import LipDims, LipLSTM
from lipsync.types import F32, I64, FeatureSpec
from training import augment, corpus, figures
from training.augment import Augmentation

STEP_S = 1 / features.STEPS_PER_SECOND
SMALLEST_STD = 0.03  # of features: what hardly ever varies must not be blown up to a unit


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class TrainOptions:
    """One run."""

    name: str  # of the run's folder and of the weights
    description: str  # one line, goes into the weights
    features: FeatureSpec
    hidden: int
    layers: int
    bidirectional: bool
    delay: int
    stride: int
    crop_steps: tuple[int, ...]  # lengths of training sequences; one is drawn per batch
    batch: int
    epochs: int
    learning_rate: float
    clip_gradient: float
    components: int = 20
    dropout: float = 0.0
    weight_decay: float = 0.0
    anneal: bool = False  # learning rate: up over the first 5 %, then down by a cosine
    losses: Losses = Losses()
    augmentation: Augmentation = Augmentation()
    speakers: tuple[str, ...] = ("grid_s1",)
    licence: str = "Apache-2.0"
    seed: int = 0
    report_every_epochs: int = 5


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Clips as padded tensors: v voices of each of n clips, t steps, f frames."""

    values: torch.Tensor  # (v, n, t, d) float16; voice 0 is the recorded one
    steps: torch.Tensor  # (n,)
    lips: torch.Tensor  # (n, f, 36), relative
    fps: torch.Tensor  # (n,)
    mean: torch.Tensor  # (d,), of the features
    std: torch.Tensor  # (d,)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m training.train_lip_lstm", description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, default=Path("runs/data"), help="from prepare")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="the run's folder goes here")
    parser.add_argument("--resume", action="store_true", help="go on from the last state")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, …")
    parser.add_argument("--dry-run", action="store_true", help="print the options and stop")
    args = parser.parse_args(argv)
    try:
        options = read_config(args.config)
        print(yaml.safe_dump(_plain(options), sort_keys=False, allow_unicode=True))
        if not args.dry_run:
            train(options, args.data, args.out / options.name, args.resume, args.device)
    except LipsyncError as error:
        sys.exit(f"error: {error}")


def read_config(path: Path) -> TrainOptions:
    """The options of a YAML file, checked.

    Raises:
        OptionsError: missing file, unknown key, or a value that does not fit.
    """
    if not path.is_file():
        raise OptionsError(f"{path}: no such config; configs/train/ has some to start from")
    try:
        return TypeAdapter(TrainOptions).validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        if not isinstance(error, ValidationError):
            raise OptionsError(f"{path}: {str(error).splitlines()[0]}") from None
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise OptionsError(f"{path}: {where}: {first['msg']}") from None


def _plain(options: TrainOptions) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(options)))  # tuples → lists
    return plain


def train(options: TrainOptions, data: Path, run: Path, resume: bool, device: str) -> Path:
    """Train and write run/<name>.safetensors; returns its path."""
    speakers = [corpus.load(data, name) for name in options.speakers]
    run.mkdir(parents=True, exist_ok=True)
    (run / "options.yaml").write_text(
        yaml.safe_dump(_plain(options), sort_keys=False, allow_unicode=True), "utf-8"
    )
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    training_set = gather(speakers, options.features, options.augmentation, options.seed)
    model = build(options, training_set).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), options.learning_rate, weight_decay=options.weight_decay
    )
    batches_per_epoch = max(1, len(training_set.lips) // options.batch)
    total_steps = options.epochs * batches_per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step / total_steps) if options.anneal else 1.0
    )
    scales = _variances(training_set, model.dims)
    first_epoch = 0
    if resume and (run / "state.pt").is_file():
        first_epoch = _restore(run / "state.pt", model, optimizer, schedule, rng)

    for epoch in range(first_epoch, options.epochs):
        started_s, losses = time.perf_counter(), []
        order = torch.from_numpy(rng.permutation(len(training_set.lips)))
        for batch in range(batches_per_epoch):
            chosen = order[batch * options.batch : (batch + 1) * options.batch]
            values, wanted = draw(training_set, chosen, model, options, rng)
            shapes = model(values.to(device))[:, model.dims.delay // model.dims.stride :]
            loss = lip_loss(shapes, wanted.to(device), options.losses, scales)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip_gradient)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        line = f"epoch {epoch + 1}/{options.epochs} loss {np.mean(losses):.4f}"
        if (epoch + 1) % options.report_every_epochs == 0 or epoch + 1 == options.epochs:
            line += "  " + validate(model, speakers)
        print(f"{line}  {time.perf_counter() - started_s:.1f} s", file=sys.stderr, flush=True)
        _store(run / "state.pt", epoch + 1, model, optimizer, schedule, rng)

    weights = run / f"{options.name}.safetensors"
    model.meta = _meta(options, speakers)
    model.save(weights)
    return weights


def gather(
    speakers: list[corpus.Speaker], spec: FeatureSpec, ranges: Augmentation, seed: int
) -> TrainingSet:
    """Training clips of all speakers, each in its own voice and in drawn ones.

    Raises:
        OptionsError: other voices are wanted for the paper's features.
    """
    if ranges.voices and spec.kind == "paper28":
        raise OptionsError("augmentation.voices: the paper's features cannot be disguised; use 0")
    pairs = [(speaker, clip) for speaker in speakers for clip in corpus.split(speaker.clips)[0]]
    own = [features.extract(clip.wave, spec).values for _, clip in pairs]
    rng = np.random.default_rng(seed)
    drawn: list[list[F32]] = [[] for _ in range(ranges.voices)]
    for _, clip in pairs if drawn else []:
        spectrum = features.power(clip.wave.samples)
        for voice in drawn:
            disguised = augment.disguise(spectrum, ranges, rng)
            voice.append(features.of_bands(*features.bands(disguised, spec), spec))
    everything = np.concatenate(own)
    return TrainingSet(
        values=torch.stack([_padded(voice).half() for voice in (own, *drawn)]),
        steps=torch.tensor([len(values) for values in own]),
        lips=_padded([speaker.relative(clip.lips) for speaker, clip in pairs]),
        fps=torch.tensor([float(clip.lips.rate) for _, clip in pairs]),
        mean=torch.from_numpy(everything.mean(0)),
        std=torch.from_numpy(np.maximum(everything.std(0), SMALLEST_STD)),
    )


def _padded(arrays: list[F32]) -> torch.Tensor:
    longest = max(len(array) for array in arrays)
    padded = [np.pad(a, ((0, longest - len(a)), (0, 0)), mode="edge") for a in arrays]
    return torch.from_numpy(np.stack(padded))


def build(options: TrainOptions, training_set: TrainingSet) -> LipLSTM:
    """A fresh network that knows the training set's normalisation and principal components."""
    dims = LipDims(
        options.features.size, options.hidden, options.layers, options.bidirectional,
        options.components, options.delay, options.stride, options.dropout,
    )  # fmt: skip
    model = LipLSTM(dims, options.features)
    shapes = training_set.lips.reshape(-1, training_set.lips.shape[-1]).double()
    mean = shapes.mean(0)
    _, _, directions = torch.linalg.svd(shapes - mean, full_matrices=False)
    model.shape_mean.copy_(mean)
    model.basis.copy_(directions[: dims.components])
    model.input_mean.copy_(training_set.mean)
    model.input_std.copy_(training_set.std)
    return model


def draw(
    data: TrainingSet,
    chosen: torch.Tensor,
    model: LipLSTM,
    options: TrainOptions,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch: features (b, t, d), and the true shapes (b, m, 36) of the outputs."""
    ranges, dims, b = options.augmentation, model.dims, len(chosen)
    length = int(rng.choice(options.crop_steps))
    tempo = torch.from_numpy(augment.tempos(b, ranges, rng))
    spare = (data.steps[chosen] - length * tempo).clamp(min=0)
    first = torch.from_numpy(rng.random(b, np.float32)) * spare
    if ranges.tempo == 1.0:
        first = first.floor()
    steps = first[:, None] + tempo[:, None] * torch.arange(length)
    voice = torch.from_numpy(_voices(b, len(data.values), ranges.recorded, rng))
    values = resample(data.values[voice, chosen].float(), steps)
    noise = torch.from_numpy(rng.standard_normal(values.shape, np.float32))
    values = values + ranges.feature_noise * data.std * noise
    outputs = length // dims.stride - dims.delay // dims.stride
    middles = torch.arange(outputs) * dims.stride + (dims.stride - 1) / 2
    seconds = features.FIRST_CENTRE + (first[:, None] + tempo[:, None] * middles) * STEP_S
    return values, resample(data.lips[chosen], seconds * data.fps[chosen][:, None])


def _voices(b: int, count: int, recorded: float, rng: np.random.Generator) -> I64:
    """(b,) which of a clip's voices is heard; 0 is the recorded one."""
    if count == 1:
        return np.zeros(b, np.int64)
    other = rng.integers(1, count, size=b)
    return np.where(rng.random(b) < recorded, 0, other)


def _variances(data: TrainingSet, dims: LipDims) -> dict[str, float]:
    """What `lip_loss` divides by, at the rate of the network's outputs."""
    count = int(data.lips.shape[1] / data.fps.min() * features.STEPS_PER_SECOND / dims.stride)
    seconds = torch.arange(count) * dims.stride / features.STEPS_PER_SECOND
    lips = resample(data.lips, seconds * data.fps[:, None])
    return variances(lips)


def _rate(progress: float) -> float:
    return min(1.0, progress / 0.05) * 0.5 * (1 + float(np.cos(np.pi * progress)))


def validate(model: LipLSTM, speakers: list[corpus.Speaker]) -> str:
    """One line of figures on the speakers' validation clips."""
    model.eval()
    true, predicted = [], []
    for speaker in speakers:
        for clip in corpus.split(speaker.clips)[1]:
            found = features.extract(clip.wave, model.spec)
            fps, n = clip.lips.rate, len(clip.lips)
            true.append(clip.lips)
            predicted.append(lip_lstm.predict(model, found, speaker.profile, fps, n))
    model.train()
    f = figures.figures(true, predicted)
    return (
        f"r_open {f.r_open:.3f} r_width {f.r_width:.3f} rmse {f.rmse:.4f} "
        f"articulation {f.articulation:.2f} lag {f.lag_ms:+.0f} ms"
    )


def _store(path: Path, epoch: int, model: Any, optimizer: Any, schedule: Any, rng: Any) -> None:
    state = {
        "epoch": epoch,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "rng": json.dumps(rng.bit_generator.state),
        "dropout_rng": torch.get_rng_state(),
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _restore(path: Path, model: Any, optimizer: Any, schedule: Any, rng: Any) -> int:
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    rng.bit_generator.state = json.loads(state["rng"])
    torch.set_rng_state(state["dropout_rng"])
    return int(state["epoch"])


def _meta(options: TrainOptions, speakers: list[corpus.Speaker]) -> dict[str, Any]:
    ratios = [s.profile.opening_range / s.profile.width for s in speakers]
    return {
        lip_lstm.OPENING_RATIO: round(float(np.mean(ratios)), 4),
        "name": options.name,
        "description": options.description,
        "version": lipsync.__version__,
        "licence": options.licence,
        "training_data": list(options.speakers),
        "command": f"python -m training.train_lip_lstm configs/train/{options.name}.yaml",
    }


if __name__ == "__main__":
    main()
