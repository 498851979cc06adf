"""Optimizer, mixed precision, distributed gradients and averaged weights of the speech model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from lipsync.learning.lip_losses import lip_loss
from lipsync.learning.schedule import anneal, ema_avg_fn
from lipsync.speech.lip_model import LipLSTM
from training.parallel.distributed import ProcessGroup
from training.speech_model.batches import Batch
from training.speech_model.options import Precision, TrainOptions


class SpeechModelTrainer:
    """Takes optimizer steps; one per process, all with equal weights."""

    def __init__(
        self, model: LipLSTM, options: TrainOptions, group: ProcessGroup, scales: dict[str, float]
    ) -> None:
        self.model, self.options, self.group, self.scales = model, options, group, scales
        model.to(group.device)
        self.mean = AveragedModel(model, avg_fn=ema_avg_fn(options.ema)) if options.ema else None
        if self.mean is not None:
            for part in self.result.modules():
                if isinstance(part, nn.LSTM):
                    part.flatten_parameters()  # cuDNN wants one block; a copy is scattered
        self.network: nn.Module = model
        if group.count > 1:  # averages the gradients
            ids = [group.device.index] if group.device.type == "cuda" else None
            self.network = DistributedDataParallel(model, device_ids=ids, broadcast_buffers=False)
        self.optimizer = torch.optim.AdamW(
            model.parameters(), options.learning_rate, weight_decay=options.weight_decay
        )
        # float16 has a small range: scale the loss so that gradients do not underflow.
        self.scaler = torch.amp.GradScaler(
            group.device.type, enabled=options.precision == "float16"
        )

    def train_step(self, batch: Batch, progress: float) -> torch.Tensor:
        """Take one optimizer step; the loss of this process's rows.

        Args:
            progress: through the run, 0 to 1.
        """
        options, dims, device = self.options, self.model.dims, self.group.device
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * (anneal(progress) if options.anneal else 1.0)
        with reduced_precision(device, options.precision):
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
        """The network to save: with averaged weights, if the options ask for them."""
        return self.model if self.mean is None else cast(LipLSTM, self.mean.module)

    def state(self) -> dict[str, Any]:
        """Everything that training steps change, to resume from."""
        return {
            "model": self.model.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.mean is not None:
            self.mean.load_state_dict(state["mean"])
        if self.scaler.is_enabled() and state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])


@contextmanager
def reduced_precision(device: torch.device, precision: Precision) -> Iterator[None]:
    """Compute matrix products in this precision; sums and weights stay float32."""
    if precision == "float32":
        yield
        return
    onednn = torch.backends.mkldnn.enabled
    try:
        # oneDNN has no half-precision LSTM on most CPUs; torch's own kernels run everywhere.
        torch.backends.mkldnn.enabled = bool(onednn) and device.type != "cpu"  # type: ignore[assignment]
        with torch.autocast(device.type, getattr(torch, precision)):
            yield
    finally:
        torch.backends.mkldnn.enabled = onednn
