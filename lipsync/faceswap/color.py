"""The new face in the colours of the target's."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from lipsync.types import F32, Bools

ColorMatch = Literal["lab", "histogram", "none"]
LEAST = 64  # pixels: fewer tell nothing
SPREAD = (0.6, 1.6)  # by how much a channel's spread may be changed


def matched(new: F32, target: F32, where: Bools, how: ColorMatch) -> F32:
    """Give `new` the colours that `target` has `where` both show the face.

    Args:
        new, target: (h, w, 3) RGB, 0..1.
        where: (h, w).
    """
    if how == "none" or where.sum() < LEAST:
        return new
    return _by_moments(new, target, where) if how == "lab" else _by_histogram(new, target, where)


def _by_moments(new: F32, target: F32, where: Bools) -> F32:
    """Mean and standard deviation of each CIELAB channel (Reinhard et al. 2001)."""
    one, other = (
        cv2.cvtColor(np.clip(x, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB) for x in (new, target)
    )
    a, b = one[where], other[where]
    scale = np.clip(b.std(0) / np.maximum(a.std(0), 1e-3), *SPREAD)
    moved = (one - a.mean(0)) * scale + b.mean(0)
    return np.asarray(cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB), np.float32)


def _by_histogram(new: F32, target: F32, where: Bools) -> F32:
    """Every channel's distribution becomes the target's; outside `where` by the same curves."""
    from skimage.exposure import match_histograms

    pixels = new[where]
    found = match_histograms(pixels[:, None], target[where][:, None], channel_axis=-1)[:, 0]
    result = np.empty_like(new)
    for channel in range(3):
        order = np.argsort(pixels[:, channel])
        curve = pixels[order, channel], found[order, channel]
        result[..., channel] = np.interp(new[..., channel], *curve)
    return result
