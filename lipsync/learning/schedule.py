"""Learning rate and moving average over the steps of a run."""

from __future__ import annotations

import math
from typing import Any

import torch

WARM_UP = 0.05  # of all steps, in which an annealed learning rate rises


def annealed(progress: float) -> float:
    """The learning rate's share of its highest: up at first, then down by a cosine."""
    return min(1.0, progress / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))


def towards(ema: float) -> Any:
    """How `AveragedModel` goes on from its mean; the first steps count less than `ema` says."""

    def average(mean: torch.Tensor, new: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        # Otherwise the random weights of the beginning would stay in it for 1 / (1 − ema) steps.
        n = float(steps)
        return torch.lerp(new, mean, min(ema, (1 + n) / (10 + n)))

    return average
