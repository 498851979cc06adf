"""How a decoder learns one person's mouth from leave-one-out pairs.

Losses: mean absolute difference (1), structural similarity, first differences, strength of the
finest texture, and, if it has a weight, a small patch discriminator; all inside the mask of what a
render shows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from lipsync.learning import picture_losses as losses
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.learning.mouth_decoder.pairs import Pairs
from lipsync.learning.schedule import annealed, towards
from lipsync.mouth.decoder.network import DecoderDims, Judge, MouthDecoder, to_tensor
from lipsync.types import I64, U8

HELD_MOST = 160  # pairs that are looked at in a report, spread evenly
WARM_UP = 0.1  # share of the steps before the discriminator counts
GAIN = 0.1  # light: colours of a pair are multiplied by up to so much more or less
UNHEARD = 0.2  # share of the pairs whose sound is hidden: a target may have none
SHIFT = 4  # pixels
WANTED_NOISE = 0.3  # of the numbers' spread: a speech model's lips are not a detector's
BESIDE = 0.1  # weight of what changes outside of the mask
JUDGE_WIDTH, JUDGE_RATE = 24, 4e-4


@dataclass(frozen=True)
class Figures:
    """Of the held-out pairs, inside the mask."""

    loss: float  # all but the discriminator's, weighted: what decides
    psnr: float  # dB
    ssim: float
    sharpness: float  # variance of the Laplacian, made / true


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
