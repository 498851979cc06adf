"""Landmarks that tell a network what a face does: where lips, lids, nose and chin are.

An encoder learns each person's faces only together with that person's decoder, so that the other
decoder hardly knows its codes: in a swap the face stays as it usually is while the target talks.
Where lips and lids are, counted from each person's own mean and in units of their own spread, means
the same for both, and either decoder has met all of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lipsync.face.schemes import SCHEMES
from lipsync.types import F32, LandmarkScheme

COUNT = 28
LEAST_SPREAD = 0.004  # of the picture: what moves less is the detector's noise
MOST = 6.0  # spreads: what is further off was not met in training


def chosen(scheme: LandmarkScheme) -> list[int]:
    """Which of a scheme's points they are, COUNT of them."""
    lids = [point for pair in scheme.lids for point in pair]
    chin = scheme.jaw[len(scheme.jaw) // 2]
    return [*scheme.lips, *lids, *scheme.nose, *scheme.outer_eyes, chin]


def of_scheme(name: str, points: F32) -> F32:
    """The chosen of all landmarks (..., k, 2) of a scheme, (..., COUNT, 2)."""
    return points[..., chosen(SCHEMES[name]), :]


def habits(points: F32, size: int) -> Tensor:
    """Mean and spread of a person's marks (n, COUNT, 2), pixels of pictures of `size`.

    Returns:
        (2, COUNT, 2), shares of the picture.
    """
    places = torch.from_numpy((points + 0.5) / size).float()
    return torch.stack([places.mean(0), places.std(0).clamp(min=LEAST_SPREAD)])


def expression(points: Tensor, habits: Tensor, size: int) -> Tensor:
    """Marks (b, COUNT, 2), pixels, in units of a person's habits (2, COUNT, 2): (b, 2 · COUNT)."""
    places = (points + 0.5) / size
    return ((places - habits[0]) / habits[1]).clamp(-MOST, MOST).flatten(1)
