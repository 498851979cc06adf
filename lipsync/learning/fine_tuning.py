"""Fine-tune a speech model on one person's own sound and lips, and stop in time.

The network learns on most of the speech and is judged on the rest, held out in blocks of time.
What ships is a mix of the weights before and after: the whole change would make the network deaf
to other voices, which a dubbed video brings (figures beside `TuneOptions.adapt_share`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from lipsync.learning.lip_losses import Losses, lip_loss, resample, variances
from lipsync.runtime.option_spec import options
from lipsync.runtime.threads import one_thread
from lipsync.speech.av_sync import correlation
from lipsync.speech.lip_model import LipLSTM, predict
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, AudioFeatures, Bools, LipTrack, Progress

STEPS = 200
BATCH, CROP_STEPS = 8, 160  # of 10 ms
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
CLIP_GRADIENT = 1.0
LOSSES = Losses(shape=1, opening=1, width=0.5, velocity=0.5)
TEMPO = 1.25  # speech up to so many times as fast or slow, the lips with it
NOISE = 0.4  # standard deviation, of normalised features
JUDGE_EVERY, PATIENCE = 25, 4  # steps; judgements without a better one
BLOCK_S, HELD_EVERY = 2.5, 5  # of the blocks of speech, every fifth is held out
MARGIN_S = 0.2  # beside a held-out block nothing is learnt

State = dict[str, torch.Tensor]


@options
class TuneOptions:
    """How a speech model is adapted to a person."""

    adapt_speech: Annotated[float, Field(ge=5, le=600)] = 10
    """Seconds of the person's own speech, with the face in view, that an adaptation needs."""
    # Correlation of the opening, on the other half of the same people's clips (s4, s26, s31) and
    # on the voices of four others: 0.74, 0.74 at 0; 0.85, 0.75 at 0.5; 0.86, 0.74 at 0.6; 0.85,
    # 0.68 at 1.
    adapt_share: Annotated[float, Field(gt=0, le=1)] = 0.6
    """How far to go from the shipped weights (0) to the tuned ones (1)."""


@options
class AdaptOptions:
    """Whether a render adapts its speech model to the target."""

    adapt: str = "auto"
    """auto: to the target's own speech, if it has any in sync; never; or weights from `adapt`."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one person's footage teaches; n frames."""

    heard: AudioFeatures  # its times are those of the picture
    lips: LipTrack
    profile: LipProfile
    learn: Bools  # (n,)
    held: Bools  # (n,)
    speech_s: float = 0.0  # of the person's own speech, the face in view
    lag_s: float = 0.0  # by which the sound was late; `heard` is in time


@dataclass(frozen=True)
class Score:
    """How well predicted lips follow the seen ones on the held-out frames."""

    r_open: float  # correlation of the inner-lip gap
    rmse: float  # outer-eye distances
    unexplained: float  # share of the variance, of shape and opening; what is minimised


@dataclass(frozen=True)
class Tuning:
    """How it went."""

    before: Score
    after: Score
    steps: int  # after which the held-out frames fitted best

    @property
    def better(self) -> bool:
        """Whether the result is worth having: never worse than what it started from."""
        return self.after.r_open > self.before.r_open and self.after.rmse <= self.before.rmse


def blocks(usable: Bools, fps: float) -> tuple[Bools, Bools]:
    """Frames to learn from and frames held out, (n,) each, apart by MARGIN_S."""
    places = np.flatnonzero(usable)
    count = max(HELD_EVERY, round(len(places) / fps / BLOCK_S))
    held, near = np.zeros_like(usable), np.zeros_like(usable)
    margin = round(MARGIN_S * fps)
    for block in np.array_split(places, count)[HELD_EVERY // 2 :: HELD_EVERY]:
        held[block] = True
        for i in block:
            near[max(0, i - margin) : i + margin + 1] = True
    return usable & ~near, held


def tune(
    model: LipLSTM, lesson: Lesson, options: TuneOptions, progress: Progress | None = None
) -> Tuning:
    """Change the model's weights to the mix that fits the held-out frames best.

    The same input gives the same weights. Whether they are an improvement is for the caller to
    ask the result.
    """
    start = _copy(model.state_dict())
    before = score(model, lesson)
    best, best_state, waited = None, start, 0
    with one_thread(), torch.random.fork_rng(devices=[]), torch.inference_mode(False):
        pupil = _Pupil(model, lesson)
        for step in range(1, STEPS + 1):
            pupil.learn(step / STEPS)
            if progress is not None:
                progress("adapt", step, STEPS)
            if step % JUDGE_EVERY:
                continue
            tuned = _copy(model.state_dict())
            mixed = {
                name: torch.lerp(start[name], value, options.adapt_share)
                for name, value in tuned.items()
            }
            model.load_state_dict(mixed)
            found = score(model, lesson)
            model.load_state_dict(tuned)
            waited += 1
            if best is None or found.unexplained < best[0].unexplained:
                best, best_state, waited = (found, step), mixed, 0
            if waited == PATIENCE:
                break
    model.eval().requires_grad_(False).load_state_dict(best_state)
    assert best is not None  # noqa: S101 — STEPS > JUDGE_EVERY
    return Tuning(before, best[0], best[1])


class _Pupil:
    """A model, its optimiser and the person's data as tensors."""

    def __init__(self, model: LipLSTM, lesson: Lesson) -> None:
        torch.manual_seed(0)  # dropout
        self.model, self.heard = model, lesson.heard
        self.random = np.random.default_rng(0)
        self.fps = float(lesson.lips.rate)
        self.values = torch.from_numpy(lesson.heard.values)[None]
        self.lips = torch.from_numpy(_relative(model, lesson))[None]
        self.known = torch.from_numpy(lesson.learn.astype(np.float32))[None, :, None]
        seconds = np.flatnonzero(lesson.learn) / self.fps
        self.places = (seconds - lesson.heard.start) * lesson.heard.rate  # steps
        outputs = int(len(lesson.lips) / self.fps * lesson.heard.rate / model.dims.stride)
        middles = torch.arange(outputs) * model.dims.stride / lesson.heard.rate * self.fps
        self.scales = variances(resample(self.lips, middles[None]))
        model.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(
            model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )

    def learn(self, progress: float) -> None:
        """One step; `progress` runs from 0 to 1 and sets the learning rate."""
        self.model.train()
        rate = min(1.0, progress / 0.1) * 0.5 * (1 + np.cos(np.pi * progress))
        self.optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate
        values, wanted, known = self._batch()
        shapes = self.model(values)[:, self.model.dims.delay // self.model.dims.stride :]
        loss = lip_loss(shapes, wanted, LOSSES, self.scales, known)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_GRADIENT)
        self.optimizer.step()
        self.model.eval()

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features (b, t, d), the true shapes (b, m, 36) of the outputs, and which to learn."""
        random, dims = self.random, self.model.dims
        tempo = np.exp(random.uniform(-np.log(TEMPO), np.log(TEMPO), (BATCH, 1)))
        centre = random.choice(self.places, (BATCH, 1))
        room = np.maximum(0, self.values.shape[1] - 1 - CROP_STEPS * tempo)
        first = np.clip(centre - CROP_STEPS * tempo / 2, 0, room)
        steps = _f32(first + tempo * np.arange(CROP_STEPS))
        values = resample(self.values.expand(BATCH, -1, -1), steps)
        noise = torch.from_numpy(random.standard_normal(values.shape, np.float32))
        values = values + NOISE * self.model.input_std * noise
        outputs = CROP_STEPS // dims.stride - dims.delay // dims.stride
        middles = np.arange(outputs) * dims.stride + (dims.stride - 1) / 2
        seconds = self.heard.start + (first + tempo * middles) / self.heard.rate
        frames = _f32(seconds * self.fps)
        wanted = resample(self.lips.expand(BATCH, -1, -1), frames)
        known = resample(self.known.expand(BATCH, -1, -1), frames)[..., 0]
        return values, wanted, (known > 0.99).float()


def score(model: LipLSTM, lesson: Lesson) -> Score:
    """Judge a model on the held-out frames."""
    found = predict(model, lesson.heard, lesson.profile, lesson.lips.rate, len(lesson.lips))
    true = LipTrack(lesson.lips.points[lesson.held], lesson.lips.rate)
    said = LipTrack(found.points[lesson.held], lesson.lips.rate)
    errors = np.square(true.points - said.points, dtype=np.float64).mean()
    opening = np.square(true.opening - said.opening, dtype=np.float64).mean()
    r_open = correlation(true.opening, said.opening)
    unexplained = errors / true.points.var(0).mean() + opening / true.opening.var()
    return Score(float(np.nan_to_num(r_open)), float(np.sqrt(errors)), float(unexplained))


def _relative(model: LipLSTM, lesson: Lesson) -> F32:
    """(n, 36): the shapes that the network would have to say; gaps filled linearly."""
    zero = np.zeros((1, *lesson.lips.points.shape[1:]), np.float32)
    origin = model.on(lesson.profile, zero)
    unit = model.on(lesson.profile, zero + 1) - origin
    shapes = ((lesson.lips.points - origin) / unit).reshape(len(lesson.lips), -1)
    have = np.flatnonzero(np.isfinite(shapes).all(1))
    at = np.arange(len(shapes))
    columns = [np.interp(at, have, column) for column in shapes[have].T]
    return np.stack(columns, axis=1).astype(np.float32)


def _copy(state: Mapping[str, torch.Tensor]) -> State:
    return {name: value.detach().clone() for name, value in state.items()}


def _f32(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
