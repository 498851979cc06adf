"""Lip-shape loss of training and fine-tuning, and linear resampling of tracks.

Symbols: b sequences of m outputs; a shape is 36 values, 18 lip points × (x, y).
"""

from __future__ import annotations

import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

UPPER, LOWER = 2 * 13 + 1, 2 * 16 + 1  # y of the inner lips' midpoints, of 36 values
LEFT, RIGHT = 2 * 0, 2 * 6  # x of the mouth's corners


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class LipLossWeights:
    """Weights of the loss terms; each term is a share of unexplained variance."""

    shape: float = 1.0
    opening: float = 0.0
    width: float = 0.0
    velocity: float = 0.0  # shape difference between consecutive outputs
    closed: float = 0.0  # opening, only where the true mouth is closed


def lip_loss(
    shapes: torch.Tensor,
    target: torch.Tensor,
    weights: LipLossWeights,
    scales: dict[str, float],
    known: torch.Tensor | None = None,
) -> torch.Tensor:
    """Weighted sum of unexplained variance shares; shapes are (b, m, 36).

    Args:
        scales: from `variances`.
        known: (b, m), 0 where the target shape is unknown; None: all are known.
    """
    error = shapes - target
    if known is None:
        known = torch.ones_like(error[..., 0])

    def mean(squares: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        return (squares * where).sum() / where.sum().clamp(min=1)

    opening = error[..., LOWER] - error[..., UPPER]
    loss = weights.shape * mean(error.square().mean(-1), known) / scales["shape"]
    if weights.opening:
        loss = loss + weights.opening * mean(opening.square(), known) / scales["opening"]
    if weights.width:
        width = error[..., RIGHT] - error[..., LEFT]
        loss = loss + weights.width * mean(width.square(), known) / scales["width"]
    if weights.velocity:
        both = known[:, 1:] * known[:, :-1]
        change = error.diff(dim=1).square().mean(-1)
        loss = loss + weights.velocity * mean(change, both) / scales["velocity"]
    if weights.closed:
        gap = target[..., LOWER] - target[..., UPPER]
        closed = (gap < 0.25 * scales["opening"] ** 0.5).float()
        loss = loss + weights.closed * mean(closed * opening.square(), known) / scales["opening"]
    return loss


def variances(lips: torch.Tensor, known: torch.Tensor | None = None) -> dict[str, float]:
    """Variances that normalize `lip_loss`, from true shapes (b, m, 36) at the output rate.

    Args:
        known: (b, m), false after the end of a sequence; None: all have the same length.
    """
    if known is None:
        known = torch.ones(lips.shape[:2], dtype=torch.bool)
    shapes, changes = lips[known], lips.diff(dim=1)[known[:, 1:]]
    return {
        "shape": shapes.var(0).mean().item(),
        "opening": (shapes[:, LOWER] - shapes[:, UPPER]).var().item(),
        "width": (shapes[:, RIGHT] - shapes[:, LEFT]).var().item(),
        "velocity": changes.var(0).mean().item(),
    }


def resample(values: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Interpolate rows (b, n, ·) linearly at positions (b, m), clamped to the ends."""
    last = values.shape[1] - 1
    positions = positions.clamp(0, last)
    left = positions.floor().long().clamp(max=max(last - 1, 0))
    share = (positions - left)[..., None]
    rows = torch.arange(len(values))[:, None]
    right = (left + 1).clamp(max=last)
    return values[rows, left] * (1 - share) + values[rows, right] * share
