"""Fine-tune a speech model on one person's own speech and lips, with early stopping.

The network trains on most of the speech; the rest is held out in blocks of time and decides which
step is kept. The result is a linear mix of the weights before and after: the fully tuned weights
lose accuracy on other voices, such as a dubbing voice (measured next to `TuneOptions.adapt_share`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from lipsync.learning.lip_losses import LipLossWeights, lip_loss, resample, variances
from lipsync.learning.optimizers import no_compiler_folder
from lipsync.learning.schedule import anneal
from lipsync.runtime.option_spec import option_group
from lipsync.runtime.threads import single_threaded_torch
from lipsync.speech.av_sync import correlation
from lipsync.speech.lip_model import LipLSTM, predict
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, AudioFeatures, Bools, LipTrack, Progress

STEPS = 200
BATCH, CROP_STEPS = 8, 160  # of 10 ms
LEARNING_RATE = 1e-3
WARM_UP = 0.1  # share of the steps
WEIGHT_DECAY = 0.01
CLIP_GRADIENT = 1.0
LOSSES = LipLossWeights(shape=1, opening=1, width=0.5, velocity=0.5)
TEMPO = 1.25  # time stretch of speech and lips, drawn from 1/1.25 to 1.25
NOISE = 0.4  # standard deviation, in units of each feature's own
EVALUATE_EVERY, PATIENCE = 25, 4  # steps; evaluations without improvement
BLOCK_S, HOLD_OUT_EVERY = 2.5, 5  # every fifth block of speech is held out
MARGIN_S = 0.2  # excluded from training on both sides of a held-out block

State = dict[str, torch.Tensor]


@option_group
class TuneOptions:
    """Fine-tuning of the speech model on one person."""

    adapt_speech: Annotated[float, Field(ge=5, le=600)] = 10
    """Seconds of the person's own speech, with the face in view, that an adaptation needs."""
    # Correlation of the lip opening on the held-back half of the same person's clips (GRID
    # speakers 4, 26, 31), and on the voices of four other people: 0.74, 0.74 at 0; 0.85, 0.75 at
    # 0.5; 0.86, 0.74 at 0.6; 0.85, 0.68 at 1 (docs/benchmarks/adapt.md).
    adapt_share: Annotated[float, Field(gt=0, le=1)] = 0.6
    """How far to go from the shipped weights (0) to the tuned ones (1)."""


@option_group
class AdaptOptions:
    """Whether a render fine-tunes its speech model on the target."""

    adapt: str = "auto"
    """auto: to the target's own speech, if it has any in sync; never; or weights from `adapt`."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """One person's speech and lips over n video frames, split for early stopping."""

    audio_features: AudioFeatures  # on the time axis of the video
    lips: LipTrack
    profile: LipProfile
    train_mask: Bools  # (n,), frames to train on
    held_out_mask: Bools  # (n,), frames to evaluate on
    speech_s: float = 0.0  # seconds of the person's own speech with the face in view
    lag_s: float = 0.0  # delay of the sound in the file, already removed from `audio_features`


@dataclass(frozen=True)
class HeldOutScore:
    """How well predicted lips match the measured ones on the held-out frames."""

    r_open: float  # correlation of the inner-lip gap
    rmse: float  # outer-eye distances
    unexplained: float  # unexplained variance of shape plus opening; minimized by early stopping


@dataclass(frozen=True)
class FineTuningResult:
    """Held-out scores before and after fine-tuning."""

    before: HeldOutScore
    after: HeldOutScore
    steps: int  # training steps of the best evaluation

    @property
    def better(self) -> bool:
        """Whether correlation rose and RMSE did not."""
        return self.after.r_open > self.before.r_open and self.after.rmse <= self.before.rmse


def split_blocks(usable: Bools, fps: float) -> tuple[Bools, Bools]:
    """Split usable frames into masks (train, held out), (n,) each, MARGIN_S apart."""
    positions = np.flatnonzero(usable)
    count = max(HOLD_OUT_EVERY, round(len(positions) / fps / BLOCK_S))
    held_out, near = np.zeros_like(usable), np.zeros_like(usable)
    margin = round(MARGIN_S * fps)
    for block in np.array_split(positions, count)[HOLD_OUT_EVERY // 2 :: HOLD_OUT_EVERY]:
        held_out[block] = True
        for i in block:
            near[max(0, i - margin) : i + margin + 1] = True
    return usable & ~near, held_out


def fine_tune(
    model: LipLSTM, data: TrainingData, options: TuneOptions, progress: Progress | None = None
) -> FineTuningResult:
    """Fine-tune a model in place and leave it with the mixed weights that score best.

    Deterministic. The best weights may still be worse than the initial ones: check
    `FineTuningResult.better`.
    """
    start = _copy_state(model.state_dict())
    before = evaluate(model, data)
    best, best_state, waited = None, start, 0
    with single_threaded_torch(), torch.random.fork_rng(devices=[]), torch.inference_mode(False):
        tuner = _FineTuner(model, data)
        for step in range(1, STEPS + 1):
            tuner.train_step(step / STEPS)
            if progress is not None:
                progress("adapt", step, STEPS)
            if step % EVALUATE_EVERY:
                continue
            tuned = _copy_state(model.state_dict())
            mixed = {
                name: torch.lerp(start[name], value, options.adapt_share)
                for name, value in tuned.items()
            }
            model.load_state_dict(mixed)
            found = evaluate(model, data)
            model.load_state_dict(tuned)
            waited += 1
            if best is None or found.unexplained < best[0].unexplained:
                best, best_state, waited = (found, step), mixed, 0
            if waited == PATIENCE:
                break
    model.eval().requires_grad_(False).load_state_dict(best_state)
    assert best is not None  # noqa: S101 — STEPS > JUDGE_EVERY
    return FineTuningResult(before, best[0], best[1])


class _FineTuner:
    """A model, its optimizer and the person's data as tensors."""

    def __init__(self, model: LipLSTM, data: TrainingData) -> None:
        torch.manual_seed(0)  # dropout
        self.model, self.audio_features = model, data.audio_features
        self.random = np.random.default_rng(0)
        self.fps = float(data.lips.rate)
        self.values = torch.from_numpy(data.audio_features.values)[None]
        self.lips = torch.from_numpy(_relative_shapes(model, data))[None]
        self.known = torch.from_numpy(data.train_mask.astype(np.float32))[None, :, None]
        seconds = np.flatnonzero(data.train_mask) / self.fps
        self.positions = (seconds - data.audio_features.start) * data.audio_features.rate  # steps
        outputs = int(len(data.lips) / self.fps * data.audio_features.rate / model.dims.stride)
        middles = torch.arange(outputs) * model.dims.stride / data.audio_features.rate * self.fps
        self.scales = variances(resample(self.lips, middles[None]))
        model.requires_grad_(True)
        with no_compiler_folder():
            self.optimizer = torch.optim.AdamW(
                model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
            )

    def train_step(self, progress: float) -> None:
        """Take one optimizer step; `progress` (0 to 1) sets the learning rate."""
        self.model.train()
        self.optimizer.param_groups[0]["lr"] = LEARNING_RATE * anneal(progress, WARM_UP)
        values, wanted, known = self._batch()
        shapes = self.model(values)[:, self.model.dims.delay // self.model.dims.stride :]
        loss = lip_loss(shapes, wanted, LOSSES, self.scales, known)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_GRADIENT)
        self.optimizer.step()
        self.model.eval()

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw features (b, t, d), target shapes (b, m, 36) and their weights 0 or 1 (b, m)."""
        random, dims = self.random, self.model.dims
        tempo = np.exp(random.uniform(-np.log(TEMPO), np.log(TEMPO), (BATCH, 1)))
        center = random.choice(self.positions, (BATCH, 1))
        room = np.maximum(0, self.values.shape[1] - 1 - CROP_STEPS * tempo)
        first = np.clip(center - CROP_STEPS * tempo / 2, 0, room)
        steps = _f32(first + tempo * np.arange(CROP_STEPS))
        values = resample(self.values.expand(BATCH, -1, -1), steps)
        noise = torch.from_numpy(random.standard_normal(values.shape, np.float32))
        values = values + NOISE * self.model.input_std * noise
        outputs = CROP_STEPS // dims.stride - dims.delay // dims.stride
        middles = np.arange(outputs) * dims.stride + (dims.stride - 1) / 2
        seconds = self.audio_features.start + (first + tempo * middles) / self.audio_features.rate
        frames = _f32(seconds * self.fps)
        wanted = resample(self.lips.expand(BATCH, -1, -1), frames)
        known = resample(self.known.expand(BATCH, -1, -1), frames)[..., 0]
        return values, wanted, (known > 0.99).float()


def evaluate(model: LipLSTM, data: TrainingData) -> HeldOutScore:
    """Score a model on the held-out frames."""
    found = predict(model, data.audio_features, data.profile, data.lips.rate, len(data.lips))
    measured = LipTrack(data.lips.points[data.held_out_mask], data.lips.rate)
    predicted = LipTrack(found.points[data.held_out_mask], data.lips.rate)
    errors = np.square(measured.points - predicted.points, dtype=np.float64).mean()
    opening = np.square(measured.opening - predicted.opening, dtype=np.float64).mean()
    r_open = correlation(measured.opening, predicted.opening)
    unexplained = errors / measured.points.var(0).mean() + opening / measured.opening.var()
    return HeldOutScore(float(np.nan_to_num(r_open)), float(np.sqrt(errors)), float(unexplained))


def _relative_shapes(model: LipLSTM, data: TrainingData) -> F32:
    """Target shapes in the network's own coordinates, (n, 36); gaps filled linearly."""
    zero = np.zeros((1, *data.lips.points.shape[1:]), np.float32)
    origin = model.to_canonical(data.profile, zero)
    unit = model.to_canonical(data.profile, zero + 1) - origin
    shapes = ((data.lips.points - origin) / unit).reshape(len(data.lips), -1)
    have = np.flatnonzero(np.isfinite(shapes).all(1))
    at = np.arange(len(shapes))
    columns = [np.interp(at, have, column) for column in shapes[have].T]
    return np.stack(columns, axis=1).astype(np.float32)


def _copy_state(state: Mapping[str, torch.Tensor]) -> State:
    return {name: value.detach().clone() for name, value in state.items()}


def _f32(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
