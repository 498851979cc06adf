"""Optimizers, mixed precision, discriminators and averaged weights of a face autoencoder."""

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
from lipsync.learning.schedule import anneal, ema_avg_fn
from training.face_autoencoder import losses, perceptual
from training.face_autoencoder.batches import FaceBatch
from training.face_autoencoder.options import AutoencoderOptions
from training.parallel.distributed import ProcessGroup


class FaceAutoencoderTrainer:
    """Takes optimizer steps; one per process, all with equal weights."""

    def __init__(
        self,
        network: FaceAutoencoder,
        options: AutoencoderOptions,
        group: ProcessGroup,
        features: perceptual.FaceFeatures | None = None,
    ) -> None:
        self.network, self.options, self.group, self.features = network, options, group, features
        network.to(group.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = AveragedModel(network, avg_fn=ema_avg_fn(options.ema)) if options.ema else None
        # Fused: one pass over weights and moments, a gigabyte for the original network.
        self.optimizer = torch.optim.Adam(
            network.parameters(), options.learning_rate, betas=options.betas, fused=True
        )
        self.discriminators: nn.ModuleDict | None = None
        if options.losses.adversarial:
            made: dict[str, nn.Module] = {
                side: Discriminator(options.discriminator_width) for side in SIDES
            }
            self.discriminators = nn.ModuleDict(made).to(group.device)
            self.discriminator_optimizer = torch.optim.Adam(
                self.discriminators.parameters(), options.discriminator_rate, betas=(0.5, 0.999)
            )
        self.half = options.precision != "float32"
        self.scaler = torch.amp.GradScaler(
            group.device.type, enabled=options.precision == "float16"
        )

    def train_step(self, batches: dict[Side, FaceBatch], step: int) -> dict[str, Tensor]:
        """Take one optimizer step.

        Returns:
            Loss terms, unweighted and averaged over both people, and their weighted sum `total`.
        """
        if self.options.anneal:
            share = anneal(step / max(self.options.steps, 1))
            for group in self.optimizer.param_groups:
                group["lr"] = self.options.learning_rate * share
        parts: dict[str, list[Tensor]] = {}
        for sides in [[s] for s in SIDES] if self.options.alternate else [list(SIDES)]:
            losses = []
            for side in sides:
                loss, found = self._side_loss(self._to_device(batches[side]), side, step)
                losses.append(loss)
                for name, value in found.items():
                    parts.setdefault(name, []).append(value.detach())
            self._optimize(sum(losses, torch.zeros((), device=self.group.device)))
        if self.mean is not None:
            self.mean.update_parameters(self.network)
        return {name: torch.stack(values).mean() for name, values in parts.items()}

    def _side_loss(
        self, batch: FaceBatch, side: Side, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted loss on one person's faces, and its terms."""
        weights, own_alpha = self.options.losses, self.options.architecture == "gan"
        with self._autocast():
            expression = self.network.normalize_expression(batch.marks, side)
            rgb, mask = self.network(batch.warped, side, expression)
        rgb, mask = rgb.float(), None if mask is None else mask.float()
        parts, shown = losses.reconstruction(batch, rgb, mask, weights, own_alpha)
        real = batch.shown if own_alpha else batch.target
        if self.discriminators is not None:
            parts["adversarial"], discriminator_loss = self._adversarial_loss(
                real, shown, batch.warped, side, step
            )
        if self.features is not None and step >= self.options.perceptual_from * self.options.steps:
            parts["perceptual"] = perceptual.perceptual_distance(self.features, shown, real)
        total = sum(
            (getattr(weights, name) * value for name, value in parts.items()),
            torch.zeros((), device=self.group.device),
        )
        if self.discriminators is not None:
            parts["discriminator"] = discriminator_loss
        return total, {**parts, "total": total}

    def _adversarial_loss(
        self, real: Tensor, made: Tensor, inputs: Tensor, side: Side, step: int
    ) -> tuple[Tensor, Tensor]:
        """Train a discriminator on a mixup; the generator's loss on it, and the discriminator's."""
        assert self.discriminators is not None  # noqa: S101  (asked before)
        rng = np.random.default_rng(
            (self.options.seed, step, SIDES.index(side), self.group.rank, 3)
        )
        drawn = rng.beta(0.2, 0.2, (len(real), 1, 1, 1)).astype(np.float32)
        share = torch.from_numpy(drawn).to(real.device)
        discriminator = self.discriminators[side]
        with self._autocast():
            score = discriminator(losses.mixup(real, made.detach(), share), inputs)
        loss = picture_losses.lsgan_loss(score.float(), share)
        self.discriminator_optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._average_gradients(discriminator.parameters())
        self.scaler.step(self.discriminator_optimizer)
        with self._autocast():
            score = discriminator(losses.mixup(real, made, share), inputs)
        return picture_losses.lsgan_loss(score.float(), 1 - share), loss.detach()

    def _optimize(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._average_gradients(self.network.parameters())
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average gradients over all processes, in one all-reduce.

        Decoders take turns, which the buckets of DistributedDataParallel do not support well.
        """
        if self.group.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        flat /= self.group.count
        pieces = torch.split(flat, [g.numel() for g in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def _autocast(self) -> Any:
        """Compute products in the options' precision."""
        dtype = getattr(torch, self.options.precision) if self.half else torch.bfloat16
        return torch.autocast(self.group.device.type, dtype, enabled=self.half)

    def _to_device(self, batch: FaceBatch) -> FaceBatch:
        def move(value: Tensor) -> Tensor:
            layout = torch.channels_last if value.ndim == 4 else torch.preserve_format
            return value.to(self.group.device, memory_format=layout)

        return FaceBatch(*map(move, vars(batch).values()))

    @property
    def result(self) -> FaceAutoencoder:
        """The network to save: with averaged weights, if the options ask for them."""
        return self.network if self.mean is None else cast(FaceAutoencoder, self.mean.module)

    def state(self) -> dict[str, Any]:
        """Everything that training steps change, to resume from."""
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        if self.discriminators is not None:
            state["judges"] = self.discriminators.state_dict()
            state["judge_optimizer"] = self.discriminator_optimizer.state_dict()
        return state

    def load(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        if self.discriminators is not None:
            self.discriminators.load_state_dict(state["judges"])
            self.discriminator_optimizer.load_state_dict(state["judge_optimizer"])
        if self.scaler.is_enabled() and state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
