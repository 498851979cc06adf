"""Landmarks that describe an expression to the encoder: lips, lids, nose and chin.

The two decoders see different latent distributions, so a swapped face falls back to a neutral
expression while the target talks. Landmark positions, normalized by each person's own mean and
spread, mean the same for both people, and either decoder has seen the whole range.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lipsync.face.schemes import SCHEMES
from lipsync.types import F32, LandmarkScheme

COUNT = 28
MIN_SPREAD = 0.004  # of the picture: less is the detector's noise
MAX_DEVIATION = 6.0  # spreads: the networks are not trained beyond it


def landmark_indices(scheme: LandmarkScheme) -> list[int]:
    """The COUNT points of a scheme that describe an expression."""
    lids = [point for pair in scheme.lids for point in pair]
    chin = scheme.jaw[len(scheme.jaw) // 2]
    return [*scheme.lips, *lids, *scheme.nose, *scheme.outer_eyes, chin]


def select_landmarks(scheme: str, points: F32) -> F32:
    """The expression landmarks (..., COUNT, 2) of all those (..., k, 2) of a scheme."""
    return points[..., landmark_indices(SCHEMES[scheme]), :]


def measure_statistics(points: F32, size: int) -> Tensor:
    """Mean and spread of a person's expression landmarks (n, COUNT, 2), pixels of `size` across.

    Returns:
        (2, COUNT, 2), shares of the picture.
    """
    shares = torch.from_numpy((points + 0.5) / size).float()
    return torch.stack([shares.mean(0), shares.std(0).clamp(min=MIN_SPREAD)])


def normalize(points: Tensor, statistics: Tensor, size: int) -> Tensor:
    """Expression landmarks (b, COUNT, 2), pixels, in units of a person's own spread.

    Args:
        statistics: (2, COUNT, 2), from `measure_statistics`.

    Returns:
        (b, 2 · COUNT), −MAX_DEVIATION..MAX_DEVIATION.
    """
    shares = (points + 0.5) / size
    return (
        ((shares - statistics[0]) / statistics[1]).clamp(-MAX_DEVIATION, MAX_DEVIATION).flatten(1)
    )
