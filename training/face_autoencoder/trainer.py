"""A face autoencoder in training: optimisers, mixed precision, other processes, mean weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.optim.swa_utils import AveragedModel

from lipsync.faceswap.autoencoder import SIDES, FaceAutoencoder, Side
from lipsync.faceswap.autoencoder.gan import Discriminator
from lipsync.learning import picture_losses
from lipsync.learning.schedule import annealed, towards
from training.face_autoencoder import losses, perceptual
from training.face_autoencoder.batches import FaceBatch
from training.face_autoencoder.options import AutoencoderOptions
from training.parallel.distributed import Ranks


class FaceLearner:
    """Takes steps; every process has one, and all stay equal."""

    def __init__(
        self,
        network: FaceAutoencoder,
        options: AutoencoderOptions,
        here: Ranks,
        features: perceptual.FaceFeatures | None = None,
    ) -> None:
        self.network, self.options, self.here, self.features = network, options, here, features
        network.to(here.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = AveragedModel(network, avg_fn=towards(options.ema)) if options.ema else None
        # Fused: one pass over weights and moments, of which the original network has a gigabyte.
        self.optimizer = torch.optim.Adam(
            network.parameters(), options.learning_rate, betas=options.betas, fused=True
        )
        self.judges: nn.ModuleDict | None = None
        if options.losses.adversarial:
            made: dict[str, nn.Module] = {
                side: Discriminator(options.discriminator_width) for side in SIDES
            }
            self.judges = nn.ModuleDict(made).to(here.device)
            self.judge_optimizer = torch.optim.Adam(
                self.judges.parameters(), options.discriminator_rate, betas=(0.5, 0.999)
            )
        self.half = options.precision != "float32"
        self.scaler = torch.amp.GradScaler(here.device.type, enabled=options.precision == "float16")

    def learn(self, batches: dict[Side, FaceBatch], step: int) -> dict[str, Tensor]:
        """One step; the parts of the loss, unweighted, mean of both sides, and their `total`."""
        if self.options.anneal:
            share = annealed(step / max(self.options.steps, 1))
            for group in self.optimizer.param_groups:
                group["lr"] = self.options.learning_rate * share
        parts: dict[str, list[Tensor]] = {}
        for sides in [[s] for s in SIDES] if self.options.alternate else [list(SIDES)]:
            losses = []
            for side in sides:
                loss, found = self._side(self._here(batches[side]), side, step)
                losses.append(loss)
                for name, value in found.items():
                    parts.setdefault(name, []).append(value.detach())
            self._descend(sum(losses, torch.zeros((), device=self.here.device)))
        if self.mean is not None:
            self.mean.update_parameters(self.network)
        return {name: torch.stack(values).mean() for name, values in parts.items()}

    def _side(self, batch: FaceBatch, side: Side, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted loss of one person's faces, and its parts."""
        weights, own_alpha = self.options.losses, self.options.architecture == "gan"
        with self._reduced():
            told = self.network.expression(batch.marks, side)
            rgb, mask = self.network(batch.warped, side, told)
        rgb, mask = rgb.float(), None if mask is None else mask.float()
        parts, shown = losses.reconstruction(batch, rgb, mask, weights, own_alpha)
        real = batch.shown if own_alpha else batch.target
        if self.judges is not None:
            parts["adversarial"] = self._judged(real, shown, batch.warped, side, step)
        if self.features is not None and step >= self.options.perceptual_from * self.options.steps:
            parts["perceptual"] = perceptual.distance(self.features, shown, real)
        total = sum(
            (getattr(weights, name) * value for name, value in parts.items()),
            torch.zeros((), device=self.here.device),
        )
        if self.judges is not None:
            parts["discriminator"] = self._judge_loss
        return total, {**parts, "total": total}

    def _judged(self, real: Tensor, made: Tensor, inputs: Tensor, side: Side, step: int) -> Tensor:
        """Let the discriminator learn from a mixup, then say what it thinks of another's share."""
        assert self.judges is not None  # noqa: S101  (asked before)
        rng = np.random.default_rng((self.options.seed, step, SIDES.index(side), self.here.rank, 3))
        drawn = rng.beta(0.2, 0.2, (len(real), 1, 1, 1)).astype(np.float32)
        share = torch.from_numpy(drawn).to(real.device)
        judge = self.judges[side]
        with self._reduced():
            score = judge(losses.mixed(real, made.detach(), share), inputs)
        loss = picture_losses.towards(score.float(), share)
        self.judge_optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._average(judge.parameters())
        self.scaler.step(self.judge_optimizer)
        self._judge_loss = loss.detach()
        with self._reduced():
            score = judge(losses.mixed(real, made, share), inputs)
        return picture_losses.towards(score.float(), 1 - share)

    def _descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._average(self.network.parameters())
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _average(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every process's gradients become the mean of all. Decoders take turns, and so would
        DistributedDataParallel's buckets: one sum over all that have any is simpler."""
        if self.here.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.here.count
        pieces = torch.split(flat, [g.numel() for g in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def _reduced(self) -> Any:
        """Products in the options' precision."""
        dtype = getattr(torch, self.options.precision) if self.half else torch.bfloat16
        return torch.autocast(self.here.device.type, dtype, enabled=self.half)

    def _here(self, batch: FaceBatch) -> FaceBatch:
        def moved(value: Tensor) -> Tensor:
            layout = torch.channels_last if value.ndim == 4 else torch.preserve_format
            return value.to(self.here.device, memory_format=layout)

        return FaceBatch(*map(moved, vars(batch).values()))

    @property
    def result(self) -> FaceAutoencoder:
        """The network that ships: with the mean weights, if they are wanted."""
        return self.network if self.mean is None else cast(FaceAutoencoder, self.mean.module)

    def state(self) -> dict[str, Any]:
        """Everything that steps change."""
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        if self.judges is not None:
            state["judges"] = self.judges.state_dict()
            state["judge_optimizer"] = self.judge_optimizer.state_dict()
        return state

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        if self.judges is not None:
            self.judges.load_state_dict(state["judges"])
            self.judge_optimizer.load_state_dict(state["judge_optimizer"])
        if self.scaler.is_enabled() and state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
