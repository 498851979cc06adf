"""Learning-rate schedule and exponential moving average of weights."""

from __future__ import annotations

import math
from typing import Any

import torch

WARM_UP = 0.05  # share of the steps


def anneal(progress: float, warm_up: float = WARM_UP) -> float:
    """Scale a learning rate: linear warm-up times cosine decay, 0 to 1.

    Args:
        progress: through the run, 0 to 1.
        warm_up: share of the run over which the linear factor rises.
    """
    return min(1.0, progress / warm_up) * 0.5 * (1 + math.cos(math.pi * progress))


def ema_avg_fn(decay: float) -> Any:
    """Make the averaging function of an `AveragedModel`: an EMA whose decay ramps up to `decay`."""

    def average(mean: torch.Tensor, new: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        # With full decay from the start, the initial weights would stay in the mean for
        # 1 / (1 − decay) steps.
        n = float(steps)
        return torch.lerp(new, mean, min(decay, (1 + n) / (10 + n)))

    return average
