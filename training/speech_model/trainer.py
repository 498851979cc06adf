"""A network in training: its optimiser, mixed precision, other processes, mean weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from lipsync.learning.lip_losses import lip_loss
from lipsync.learning.schedule import annealed, towards
from lipsync.speech.lip_model import LipLSTM
from training.parallel.distributed import Ranks
from training.speech_model.batches import Batch
from training.speech_model.options import Precision, TrainOptions


class Learner:
    """Takes steps; every process has one, and all stay equal."""

    def __init__(
        self, model: LipLSTM, options: TrainOptions, here: Ranks, scales: dict[str, float]
    ) -> None:
        self.model, self.options, self.here, self.scales = model, options, here, scales
        model.to(here.device)
        self.mean = AveragedModel(model, avg_fn=towards(options.ema)) if options.ema else None
        if self.mean is not None:
            for part in self.result.modules():
                if isinstance(part, nn.LSTM):
                    part.flatten_parameters()  # a copy's weights lie apart, which cuDNN minds
        self.network: nn.Module = model
        if here.count > 1:  # averages the gradients
            ids = [here.device.index] if here.device.type == "cuda" else None
            self.network = DistributedDataParallel(model, device_ids=ids, broadcast_buffers=False)
        self.optimizer = torch.optim.AdamW(
            model.parameters(), options.learning_rate, weight_decay=options.weight_decay
        )
        # Gradients of half precision's small range are computed from a loss blown up.
        self.scaler = torch.amp.GradScaler(here.device.type, enabled=options.precision == "float16")

    def learn(self, batch: Batch, progress: float) -> torch.Tensor:
        """One step, `progress` of the way through the run (0 to 1); the loss of the own rows."""
        options, dims, device = self.options, self.model.dims, self.here.device
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * (annealed(progress) if options.anneal else 1.0)
        with reduced(device, options.precision):
            shapes = self.network(batch.values.to(device))
        shapes = shapes.float()[:, dims.delay // dims.stride :]
        loss = lip_loss(shapes, batch.wanted.to(device), options.losses, self.scales)
        loss = loss * batch.share
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), options.clip_gradient)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.mean is not None:
            self.mean.update_parameters(self.model)
        return loss.detach()

    @property
    def result(self) -> LipLSTM:
        """The network that ships: with the mean weights, if they are wanted."""
        return self.model if self.mean is None else cast(LipLSTM, self.mean.module)

    def state(self) -> dict[str, Any]:
        """Everything that steps change."""
        return {
            "model": self.model.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        if self.scaler.is_enabled() and state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])


@contextmanager
def reduced(device: torch.device, precision: Precision) -> Iterator[None]:
    """Products in this precision, sums and weights in float32."""
    if precision == "float32":
        yield
        return
    onednn = torch.backends.mkldnn.enabled
    try:
        # oneDNN refuses LSTMs of half precision on most CPUs; torch's own run on all.
        torch.backends.mkldnn.enabled = bool(onednn) and device.type != "cpu"  # type: ignore[assignment]
        with torch.autocast(device.type, getattr(torch, precision)):
            yield
    finally:
        torch.backends.mkldnn.enabled = onednn
