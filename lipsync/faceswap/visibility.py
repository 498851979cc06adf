"""In which target frames the generated face is visible: gaps are bridged or faded over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from lipsync.types import F32, Bools, FaceTrack

FADE_S = 0.12  # duration of the fade out before a gap and of the fade in after it


@dataclass(frozen=True, eq=False)
class Visibility:
    """How visible the new face is in each target frame."""

    share: F32  # (f,), 0..1
    bridged: Bools  # (f,), no face was found, but just before and after: it is interpolated


def compute_visibility(track: FaceTrack, bridge_s: float) -> Visibility:
    """Show the face where it is found or the gap is short; fade before and after longer gaps.

    Args:
        bridge_s: the longest gap that is bridged, seconds.
    """
    rate = float(track.fps)
    longest, reach = round(bridge_s * rate), max(1, round(FADE_S * rate))
    share, bridged = np.zeros(len(track), np.float32), np.zeros(len(track), bool)
    for first, end in track.shots():
        shown = track.found[first:end].copy()
        edges = np.flatnonzero(np.diff(np.pad(~shown, 1).astype(np.int8)))
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            # A gap at a shot's edge has only one side to interpolate from.
            if b - a <= longest and a > 0 and b < len(shown):
                bridged[first + a : first + b] = shown[a:b] = True
        free = minimum_filter1d(shown.astype(np.float32), 2 * reach + 1, mode="nearest")
        eased = gaussian_filter1d(free, reach / 2, mode="nearest")
        share[first:end] = np.where(shown, eased, 0)
    return Visibility(share, bridged)
