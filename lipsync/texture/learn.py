"""How a decoder learns one person's mouth from leave-one-out pairs.

Losses: mean absolute difference (1), structural similarity, first differences, strength of the
finest texture, and a small patch discriminator; all inside the mask of what a render shows. Every
eighth stretch of the footage is held out: what ships are the mean weights of the moment that
drew it best, and training stops when that no longer improves.

Whatever a step draws at random depends on its number alone, so that a run that was stopped goes on
to the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from lipsync import picture_losses as losses
from lipsync.errors import OptionsError
from lipsync.learning import annealed, towards
from lipsync.options_base import options
from lipsync.texture.network import DecoderDims, Judge, MouthDecoder, to_tensor
from lipsync.texture.pairs import Pairs
from lipsync.types import I64, U8, Bools

HELD_EVERY = 8  # stretches
HELD_MOST = 160  # pairs that are looked at in a report, spread evenly
WARM_UP = 0.1  # share of the steps before the discriminator counts
GAIN = 0.1  # light: colours of a pair are multiplied by up to so much more or less
UNHEARD = 0.2  # share of the pairs whose sound is hidden: a target may have none
SHIFT = 4  # pixels
WANTED_NOISE = 0.3  # of the numbers' spread: a speech model's lips are not a detector's
BESIDE = 0.1  # weight of what changes outside of the mask
JUDGE_WIDTH, JUDGE_RATE = 24, 4e-4

Weight = Annotated[float, Field(ge=0)]


@options
class LearnOptions:
    """How a mouth is learnt."""

    mouth_input: Literal["median", "lips"] = "median"
    """What the decoder draws from: the median texture, which it refines, or the lips alone."""
    mouth_size: Annotated[int, Field(ge=32, le=512, multiple_of=8)] = 128
    """Pixels across the picture of mouth and chin, at most: a small face has fewer."""
    mouth_width: Annotated[int, Field(ge=4, le=256)] = 24
    """Channels of the network's finest maps."""
    pairs: Annotated[int, Field(ge=50)] = 2400
    """Most mouths that are learnt from; of more footage, stretches are left out evenly."""
    steps: Annotated[int, Field(ge=1)] = 800
    """Steps of training, unless it stops earlier."""
    batch: Annotated[int, Field(ge=1)] = 8
    """Mouths per step."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Highest rate; it rises and falls over the steps."""
    ssim: Weight = 0.1
    """Weight of structural similarity, beside 1 for the mean absolute difference."""
    edge: Weight = 0.5
    """Weight of first differences."""
    fine: Weight = 0.06
    """Weight of the strength of the finest texture."""
    # On s4, of 0.0005: 0.1 dB and 0.001 of SSIM less, no sharper; of 0.002: 0.8 dB less.
    adversarial: Weight = 0.0
    """Weight of a patch discriminator."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """What ships is a mean over the last 1 / (1 − ema) steps."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the network's products in training."""
    patience: Annotated[int, Field(ge=0)] = 6
    """Reports without a better held-out one before training stops; 0: never."""
    report_every: Annotated[int, Field(ge=1)] = 100
    """Steps between reports; at each, what a resumed run needs is kept."""
    licence: str = "that of the person's footage"
    """What the weights say about their use."""
    seed: int = 0
    """Of everything random."""


@dataclass(frozen=True)
class Figures:
    """Of the held-out pairs, inside the mask."""

    loss: float  # all but the discriminator's, weighted: what decides
    psnr: float  # dB
    ssim: float
    sharpness: float  # variance of the Laplacian, made / true


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


@dataclass(frozen=True, eq=False)
class Batch:
    """b pairs as tensors."""

    steady: Tensor  # (b, 3, h, w), 0..1, as are the others
    detailed: Tensor
    true: Tensor
    maps: Tensor
    mask: Tensor  # (b, 1, h, w)
    told: Tensor  # (b, c)


class MouthLearner:
    """A decoder, its discriminator and their optimisers."""

    def __init__(self, network: MouthDecoder, options: LearnOptions, device: str = "cpu") -> None:
        self.network, self.options, self.device = network, options, torch.device(device)
        torch.manual_seed(options.seed)
        self.judge = Judge(JUDGE_WIDTH)
        for part in (network, self.judge):
            part.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = AveragedModel(network, avg_fn=towards(options.ema))
        self.optimizer = torch.optim.Adam(
            network.parameters(), options.learning_rate, betas=(0.9, 0.99)
        )
        self.judge_optimizer = torch.optim.Adam(
            self.judge.parameters(), JUDGE_RATE, betas=(0.5, 0.99)
        )
        self.best: dict[str, Tensor] | None = None

    def batch(self, pairs: Pairs, rows: I64, rng: np.random.Generator | None) -> Batch:
        """Pairs as tensors; with `rng` changed as training wants it."""
        layers = [getattr(pairs, name)[rows] for name in PICTURES]
        if rng is not None:
            layers = _shifted(layers, rng)
        parts = [to_tensor(np.ascontiguousarray(layer)) for layer in layers[:-1]]
        mask = torch.from_numpy(layers[-1]).float()[:, None] / 255
        told = torch.from_numpy(pairs.told[rows])
        if rng is not None:
            gain = np.exp(rng.uniform(-GAIN, GAIN, (len(rows), 3, 1, 1)).astype(np.float32))
            parts[:3] = [picture * torch.from_numpy(gain) for picture in parts[:3]]
            spread = self.network.get_buffer("told_spread").cpu()
            noise = torch.from_numpy(rng.standard_normal(told.shape, np.float32))
            heard = 3 * self.network.dims.phones + 1
            unheard = torch.from_numpy(rng.random((len(rows), 1)) < UNHEARD)
            told = told + WANTED_NOISE * spread * noise
            told[:, -heard:] = torch.where(unheard, 0, told[:, -heard:])
        steady, detailed, true, maps = (
            p.to(self.device, memory_format=torch.channels_last) for p in parts
        )
        return Batch(steady, detailed, true, maps, mask.to(self.device), told.to(self.device))

    def answered(self, batch: Batch, network: MouthDecoder) -> Tensor:
        """What a network says to a batch, (b, 4, h, w)."""
        half = self.options.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            answer: Tensor = network(batch.steady, batch.detailed, batch.maps, batch.told)
        return answer.float()

    def learn(self, batch: Batch, progress: float) -> dict[str, float]:
        """One step, `progress` (0 to 1) of the way through the run; the losses by part."""
        options = self.options
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * annealed(progress)
        answer = self.answered(batch, self.network)
        made = self.network.applied(answer, batch.steady, batch.detailed)
        # Where nothing counts nothing is to change: what is there reaches in when it is blended.
        still = answer[:, :3].abs() + 0.1 * (answer[:, 3:] - 1).abs()
        parts = {"beside": losses.mean_where(still, 1 - batch.mask)}
        parts |= content(made, batch.true, batch.mask, options)
        if options.fine:
            parts["fine"] = losses.texture(made, batch.true, batch.mask)
        if options.adversarial and progress >= WARM_UP:
            parts["adversarial"], judged = self._judged(made, batch)
        weights = {"pixel": 1.0, "beside": BESIDE, **asdict(options)}
        total = sum((weights[name] * part for name, part in parts.items()), made.new_zeros(()))
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.mean.update_parameters(self.network)
        found = {name: float(part.detach()) for name, part in parts.items()}
        if "adversarial" in parts:
            found["judge"] = judged
        return {"total": float(total.detach()), **found}

    def _judged(self, made: Tensor, batch: Batch) -> tuple[Tensor, float]:
        """Let the discriminator learn, then say how far the made pictures are from passing."""
        mask, beside = batch.mask, batch.steady
        real = beside + (batch.true - beside) * mask
        shown = beside + (made - beside) * mask
        one, zero = real.new_ones(()), real.new_zeros(())
        half = self.options.precision == "bfloat16"

        def score(pictures: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
                found: Tensor = self.judge(pictures, beside)
            return found.float()

        loss = losses.towards(score(real), one) + losses.towards(score(shown.detach()), zero)
        self.judge_optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.judge_optimizer.step()
        return losses.towards(score(shown), one), float(loss.detach())

    @torch.no_grad()
    def judge_held(self, pairs: Pairs, rows: I64, network: MouthDecoder | None) -> Figures:
        """Figures of held-out pairs; network None: of their input as it is."""
        some = rows[np.unique(np.linspace(0, len(rows) - 1, HELD_MOST).astype(int))]
        squares, count, laplacians, rest = 0.0, 0.0, np.zeros(2), []
        for part in np.array_split(some, -(-len(some) // 16)):
            batch = self.batch(pairs, part, None)
            made = batch.detailed
            if network is not None:
                answer = self.answered(batch, network)
                made = network.applied(answer, batch.steady, batch.detailed).clamp(0, 1)
            found = content(made, batch.true, batch.mask, self.options)
            # Without it the smoothest moment would ship.
            found["fine"] = losses.texture(made, batch.true, batch.mask)
            rest.append((len(part), {name: float(value) for name, value in found.items()}))
            inside = (batch.mask > 0.5).float()
            squares += float(((made - batch.true) ** 2 * inside).sum())
            count += 3 * float(inside.sum())
            laplacians += [losses.roughness(p, inside) for p in (made, batch.true)]
        means = {name: sum(n * found[name] for n, found in rest) / len(some) for name in rest[0][1]}
        weights = {"pixel": 1.0, **asdict(self.options)}
        return Figures(
            loss=sum(weights[name] * value for name, value in means.items()),
            psnr=float(-10 * np.log10(max(squares / count, 1e-12))),
            ssim=1 - means["ssim"],
            sharpness=float(laplacians[0] / max(laplacians[1], 1e-12)),
        )

    @property
    def result(self) -> MouthDecoder:
        """The decoder with the mean weights."""
        return cast(MouthDecoder, self.mean.module)

    def keep_best(self) -> None:
        """What ships, so far."""
        self.best = {name: value.clone() for name, value in self.result.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Everything that steps change."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "judge": self.judge.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "judge_optimizer": self.judge_optimizer.state_dict(),
            "best": self.best,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        for name in ("network", "mean", "judge", "optimizer", "judge_optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.best = state["best"]


PICTURES = ("steady", "detailed", "true", "maps", "mask")


def _shifted(layers: list[U8], rng: np.random.Generator) -> list[U8]:
    """Each pair's pictures moved together by a few whole pixels: no place is learnt by heart."""
    count = len(layers[0])
    shifts = rng.integers(-SHIFT, SHIFT + 1, (count, 2))
    return [
        np.stack([np.roll(p, tuple(s), (0, 1)) for p, s in zip(layer, shifts, strict=True)])
        for layer in layers
    ]


def content(made: Tensor, true: Tensor, mask: Tensor, options: LearnOptions) -> dict[str, Tensor]:
    """The losses that compare picture with picture, unweighted."""
    return {
        "pixel": losses.mean_where((made - true).abs(), mask),
        "ssim": 1
        - losses.mean_where(losses.similarity(losses.luma(made), losses.luma(true)), mask),
        "edge": losses.edge(made * mask, true * mask) / mask.mean().clamp(min=1e-6),
    }


def fresh(pairs: Pairs, dims: DecoderDims, rows: I64, seed: int) -> MouthDecoder:
    """A decoder that knows the pairs' usual mouth and how their numbers spread."""
    torch.manual_seed(seed)
    network = MouthDecoder(dims)
    told = torch.from_numpy(pairs.told[rows])
    network.get_buffer("told_mean").copy_(told.mean(0))
    # A number that hardly ever moves must not count a hundredfold when it does.
    spread = told.std(0)
    network.get_buffer("told_spread").copy_(spread.clamp(min=max(1e-3, 0.1 * float(spread.mean()))))
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), 400)).astype(int)]
    usual = np.asarray(pairs.true[np.unique(some)], np.float32).mean(0) / 255
    network.get_buffer("usual").copy_(torch.from_numpy(usual).permute(2, 0, 1))
    return network


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
