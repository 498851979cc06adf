"""The loop in which both small networks are trained."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)

KEPT = 0.99  # of the averaged weights, at every step
REPORT_EVERY = 100  # steps


def fit(
    network: Network,
    draw_loss: Callable[[], torch.Tensor],
    steps: int,
    rate: float,
    decay: float,
) -> Network:
    """Train a network, and return the moving average of its weights, ready to be used.

    Args:
        draw_loss: draws a batch, and the network's loss on it.
        rate: highest rate of learning of a single cycle; decay: of the weights.
    """
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
    average = copy.deepcopy(network)
    for step in range(1, steps + 1):
        loss = draw_loss()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        share = max(1 - KEPT, 1 / step)  # the random weights of the start are soon forgotten
        with torch.no_grad():
            for mean, value in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(value, share)
        if step % REPORT_EVERY == 0:
            print(f"step {step}: loss {loss.item():.3f}", file=sys.stderr, flush=True)
    average.load_state_dict({**network.state_dict(), **dict(average.named_parameters())})
    return average.eval()
