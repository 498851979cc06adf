"""Train a mouth decoder of one person on leave-one-out pairs.

Loss terms: mean absolute error (weight 1), SSIM, first differences, fine-texture strength and,
if weighted, a small patch discriminator; all inside the mask that a render shows.
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
from lipsync.learning.optimizers import no_compiler_folder
from lipsync.learning.schedule import anneal, ema_avg_fn
from lipsync.mouth.decoder.network import DecoderDims, MouthDecoder, PatchDiscriminator, to_tensor
from lipsync.types import I64, U8

MAX_HELD_OUT = 160  # pairs evaluated per report, spread evenly
WARM_UP = 0.1  # share of the steps before the discriminator's loss is added
GAIN = 0.1  # exposure augmentation: log gain per color channel, ±
MUTED = 0.2  # share of pairs trained without speech features: a target may have no sound
SHIFT = 4  # pixels, ± translation augmentation
LIP_NOISE = 0.3  # of each input's spread: predicted lips differ from detected ones
BACKGROUND = 0.1  # loss weight of changes outside the mask
DISCRIMINATOR_WIDTH, DISCRIMINATOR_RATE = 24, 4e-4


@dataclass(frozen=True)
class HeldOutMetrics:
    """Metrics on the held-out pairs, inside the mask."""

    loss: float  # weighted sum of all terms but the discriminator's; decides early stopping
    psnr: float  # dB
    ssim: float
    sharpness: float  # variance of the Laplacian, output / true


@dataclass(frozen=True, eq=False)
class Batch:
    """b pairs as tensors."""

    steady: Tensor  # (b, 3, h, w), 0..1, as are the others
    detailed: Tensor
    true: Tensor
    maps: Tensor
    mask: Tensor  # (b, 1, h, w)
    conditioning: Tensor  # (b, c)


class MouthDecoderTrainer:
    """A decoder, its discriminator and their optimizers."""

    def __init__(self, network: MouthDecoder, options: LearnOptions, device: str = "cpu") -> None:
        self.network, self.options, self.device = network, options, torch.device(device)
        torch.manual_seed(options.seed)
        self.discriminator = PatchDiscriminator(DISCRIMINATOR_WIDTH)
        for part in (network, self.discriminator):
            part.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = AveragedModel(network, avg_fn=ema_avg_fn(options.ema))
        with no_compiler_folder():
            self.optimizer = torch.optim.Adam(
                network.parameters(), options.learning_rate, betas=(0.9, 0.99)
            )
            self.discriminator_optimizer = torch.optim.Adam(
                self.discriminator.parameters(), DISCRIMINATOR_RATE, betas=(0.5, 0.99)
            )
        self.best: dict[str, Tensor] | None = None

    def batch(self, pairs: Pairs, rows: I64, rng: np.random.Generator | None) -> Batch:
        """Load pairs as tensors; augmented if `rng` is given."""
        layers = [getattr(pairs, name)[rows] for name in PICTURES]
        if rng is not None:
            layers = _shift_randomly(layers, rng)
        parts = [to_tensor(np.ascontiguousarray(layer)) for layer in layers[:-1]]
        mask = torch.from_numpy(layers[-1]).float()[:, None] / 255
        conditioning = torch.from_numpy(pairs.told[rows])
        if rng is not None:
            gain = np.exp(rng.uniform(-GAIN, GAIN, (len(rows), 3, 1, 1)).astype(np.float32))
            parts[:3] = [picture * torch.from_numpy(gain) for picture in parts[:3]]
            spread = self.network.get_buffer("told_spread").cpu()
            noise = torch.from_numpy(rng.standard_normal(conditioning.shape, np.float32))
            speech_columns = 3 * self.network.dims.phones + 1
            muted = torch.from_numpy(rng.random((len(rows), 1)) < MUTED)
            conditioning = conditioning + LIP_NOISE * spread * noise
            conditioning[:, -speech_columns:] = torch.where(
                muted, 0, conditioning[:, -speech_columns:]
            )
        steady, detailed, true, maps = (
            p.to(self.device, memory_format=torch.channels_last) for p in parts
        )
        return Batch(
            steady, detailed, true, maps, mask.to(self.device), conditioning.to(self.device)
        )

    def predict(self, batch: Batch, network: MouthDecoder) -> Tensor:
        """Run a network on a batch; its raw output, (b, 4, h, w)."""
        half = self.options.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            answer: Tensor = network(batch.steady, batch.detailed, batch.maps, batch.conditioning)
        return answer.float()

    def train_step(self, batch: Batch, progress: float) -> dict[str, float]:
        """Take one optimizer step; the losses by part.

        Args:
            progress: through the run, 0 to 1.
        """
        options = self.options
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * anneal(progress)
        answer = self.predict(batch, self.network)
        made = self.network.compose(answer, batch.steady, batch.detailed)
        # Outside the mask nothing may change: blending at the border reaches out there.
        change = answer[:, :3].abs() + 0.1 * (answer[:, 3:] - 1).abs()
        parts = {"beside": losses.masked_mean(change, 1 - batch.mask)}
        parts |= content_losses(made, batch.true, batch.mask, options)
        if options.fine:
            parts["fine"] = losses.texture_loss(made, batch.true, batch.mask)
        if options.adversarial and progress >= WARM_UP:
            parts["adversarial"], discriminator_loss = self._train_discriminator(made, batch)
        weights = {"pixel": 1.0, "beside": BACKGROUND, **asdict(options)}
        total = sum((weights[name] * part for name, part in parts.items()), made.new_zeros(()))
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.mean.update_parameters(self.network)
        found = {name: float(part.detach()) for name, part in parts.items()}
        if "adversarial" in parts:
            found["judge"] = discriminator_loss
        return {"total": float(total.detach()), **found}

    def _train_discriminator(self, made: Tensor, batch: Batch) -> tuple[Tensor, float]:
        """Train the discriminator one step; the generator's adversarial loss, and its own loss."""
        mask, background = batch.mask, batch.steady
        real = background + (batch.true - background) * mask
        shown = background + (made - background) * mask
        real_label, fake_label = real.new_ones(()), real.new_zeros(())
        half = self.options.precision == "bfloat16"

        def score(pictures: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
                found: Tensor = self.discriminator(pictures, background)
            return found.float()

        loss = losses.lsgan_loss(score(real), real_label) + losses.lsgan_loss(
            score(shown.detach()), fake_label
        )
        self.discriminator_optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.discriminator_optimizer.step()
        return losses.lsgan_loss(score(shown), real_label), float(loss.detach())

    @torch.no_grad()
    def evaluate(self, pairs: Pairs, rows: I64, network: MouthDecoder | None) -> HeldOutMetrics:
        """Metrics of a network on held-out pairs; None: of their unchanged input."""
        sample = rows[np.unique(np.linspace(0, len(rows) - 1, MAX_HELD_OUT).astype(int))]
        squares, count, laplacians, rest = 0.0, 0.0, np.zeros(2), []
        for part in np.array_split(sample, -(-len(sample) // 16)):
            batch = self.batch(pairs, part, None)
            made = batch.detailed
            if network is not None:
                answer = self.predict(batch, network)
                made = network.compose(answer, batch.steady, batch.detailed).clamp(0, 1)
            found = content_losses(made, batch.true, batch.mask, self.options)
            # Always part of the held-out loss: without it early stopping prefers blurred output.
            found["fine"] = losses.texture_loss(made, batch.true, batch.mask)
            rest.append((len(part), {name: float(value) for name, value in found.items()}))
            inside = (batch.mask > 0.5).float()
            squares += float(((made - batch.true) ** 2 * inside).sum())
            count += 3 * float(inside.sum())
            laplacians += [losses.laplacian_energy(p, inside) for p in (made, batch.true)]
        means = {
            name: sum(n * found[name] for n, found in rest) / len(sample) for name in rest[0][1]
        }
        weights = {"pixel": 1.0, **asdict(self.options)}
        return HeldOutMetrics(
            loss=sum(weights[name] * value for name, value in means.items()),
            psnr=float(-10 * np.log10(max(squares / count, 1e-12))),
            ssim=1 - means["ssim"],
            sharpness=float(laplacians[0] / max(laplacians[1], 1e-12)),
        )

    @property
    def result(self) -> MouthDecoder:
        """The decoder with the averaged weights."""
        return cast(MouthDecoder, self.mean.module)

    def keep_best(self) -> None:
        """Remember the current averaged weights as the best."""
        self.best = {name: value.clone() for name, value in self.result.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Everything that training steps change, to resume from."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "judge": self.discriminator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "judge_optimizer": self.discriminator_optimizer.state_dict(),
            "best": self.best,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.discriminator.load_state_dict(state["judge"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.discriminator_optimizer.load_state_dict(state["judge_optimizer"])
        self.best = state["best"]


PICTURES = ("steady", "detailed", "true", "maps", "mask")


def _shift_randomly(layers: list[U8], rng: np.random.Generator) -> list[U8]:
    """Translate each pair's pictures together by up to SHIFT whole pixels."""
    count = len(layers[0])
    shifts = rng.integers(-SHIFT, SHIFT + 1, (count, 2))
    return [
        np.stack([np.roll(p, tuple(s), (0, 1)) for p, s in zip(layer, shifts, strict=True)])
        for layer in layers
    ]


def content_losses(
    made: Tensor, true: Tensor, mask: Tensor, options: LearnOptions
) -> dict[str, Tensor]:
    """Pixel, SSIM and edge losses, unweighted."""
    return {
        "pixel": losses.masked_mean((made - true).abs(), mask),
        "ssim": 1 - losses.masked_mean(losses.ssim_map(losses.luma(made), losses.luma(true)), mask),
        "edge": losses.edge_loss(made * mask, true * mask) / mask.mean().clamp(min=1e-6),
    }


def build_decoder(pairs: Pairs, dims: DecoderDims, rows: I64, seed: int) -> MouthDecoder:
    """Make an untrained decoder with the pairs' mean mouth and input normalization."""
    torch.manual_seed(seed)
    network = MouthDecoder(dims)
    conditioning = torch.from_numpy(pairs.told[rows])
    network.get_buffer("told_mean").copy_(conditioning.mean(0))
    # Inputs that hardly vary must not be amplified by the normalization.
    spread = conditioning.std(0)
    network.get_buffer("told_spread").copy_(spread.clamp(min=max(1e-3, 0.1 * float(spread.mean()))))
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), 400)).astype(int)]
    mean_mouth = np.asarray(pairs.true[np.unique(sample)], np.float32).mean(0) / 255
    network.get_buffer("usual").copy_(torch.from_numpy(mean_mouth).permute(2, 0, 1))
    return network
