"""Matching the generated face's colors to the target's."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from lipsync.types import F32, Bools

ColorMatch = Literal["lab", "histogram", "none"]
MIN_PIXELS = 64  # of the face: fewer are no sample of its colors
SPREAD_RATIO = (0.6, 1.6)  # limits of the factor by which a channel's spread may be changed


def match_color(new: F32, target: F32, where: Bools, how: ColorMatch) -> F32:
    """Give `new` the colors that `target` has in the region `where` both show the face.

    Args:
        new, target: (h, w, 3) RGB, 0..1.
        where: (h, w).

    Returns:
        (h, w, 3); `new` itself if `how` is "none" or the region has fewer than MIN_PIXELS pixels.
    """
    if how == "none" or where.sum() < MIN_PIXELS:
        return new
    if how == "lab":
        return _match_moments(new, target, where)
    return _match_histograms(new, target, where)


def _match_moments(new: F32, target: F32, where: Bools) -> F32:
    """Match mean and standard deviation of each CIELAB channel (Reinhard et al. 2001)."""
    new_lab, target_lab = (
        cv2.cvtColor(np.clip(x, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB) for x in (new, target)
    )
    a, b = new_lab[where], target_lab[where]
    scale = np.clip(b.std(0) / np.maximum(a.std(0), 1e-3), *SPREAD_RATIO)
    matched = (new_lab - a.mean(0)) * scale + b.mean(0)
    return np.asarray(cv2.cvtColor(matched.astype(np.float32), cv2.COLOR_LAB2RGB), np.float32)


def _match_histograms(new: F32, target: F32, where: Bools) -> F32:
    """Match the distribution of each channel; pixels outside `where` follow the same curves."""
    from skimage.exposure import match_histograms

    pixels = new[where]
    matched = match_histograms(pixels[:, None], target[where][:, None], channel_axis=-1)[:, 0]
    result = np.empty_like(new)
    for channel in range(3):
        order = np.argsort(pixels[:, channel])
        curve = pixels[order, channel], matched[order, channel]
        result[..., channel] = np.interp(new[..., channel], *curve)
    return result
