"""Where the target keeps its own mouth: heads turned too far, and things before the mouth.

A mouth drawn on a profile is grotesque, and one drawn over a hand is worse. Both fade to the
target's own picture, and are counted.

Symbols: f target frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.ndimage import (
    binary_closing,
    gaussian_filter1d,
    label,
    maximum,
    median_filter,
    minimum_filter1d,
)

from lipsync.face.appearance import MIN_TYPICAL_SCORES
from lipsync.face.head_pose import measure_head_angles
from lipsync.runtime.option_spec import option_group
from lipsync.types import F32, Bools, FaceTrack

FADE_DEGREES = 10.0  # beyond the limit, over which the new mouth goes
FADE_S = 0.12  # over which it goes before something covers the mouth, and returns after it
# A mouth is covered if it looks unlike all mouths of that shape, by so many times the usual
# difference (docs/benchmarks/thresholds.md): by the second for a while, and around that as long as
# by the first; or by AT_ONCE in a single frame.
OCCLUDED_SCORES, OCCLUDED_AT_ONCE = (2.5, 2.8), 3.5
MEDIAN_S = 0.2  # over which the median is taken
GAP_S = 0.2  # between two covered stretches: still covered


@option_group
class VisibilityOptions:
    """Where the new mouth is shown."""

    yaw: Annotated[float, Field(ge=0, le=90)] = 30.0
    """Heads turned sideways by more than this (degrees) fade to the target's own mouth."""
    pitch: Annotated[float, Field(ge=0, le=90)] = 20.0
    """Heads raised or lowered by more than this (degrees) from their usual pose do as well."""
    occlusion: bool = True
    """Keep the target's own mouth where something is before it."""


@dataclass(frozen=True, eq=False)
class Visibility:
    """How visible the new mouth is in each target frame, and why it is not."""

    weight: F32  # (f,), 0..1, of the new mouth
    turned_away: Bools  # (f,), the head is turned too far: not shown at all
    occluded: Bools  # (f,), something is in front of the mouth


def measure_visibility(
    track: FaceTrack, outlier_score: F32 | None, options: VisibilityOptions
) -> Visibility:
    """How visible the new mouth may be in every frame of the target.

    Args:
        outlier_score: (f,), see `FootageAppearance`; None: nothing is known of occlusion.
    """
    yaw, pitch = measure_head_angles(track)
    beyond = np.maximum(np.abs(yaw) - options.yaw, np.abs(pitch) - options.pitch)
    facing = np.clip(1 - np.nan_to_num(beyond, nan=-1.0) / FADE_DEGREES, 0, 1)
    hidden = np.zeros(len(track), bool)
    if options.occlusion and outlier_score is not None:
        hidden = find_occluded(outlier_score, track)
    rate = float(track.fps)
    free = 1 - hidden.astype(np.float32)
    reach = max(1, round(FADE_S * rate))
    share = facing.astype(np.float32)
    for first, end in track.shots():
        here = slice(first, end)
        eased = minimum_filter1d(free[here], 2 * reach + 1, mode="nearest")
        eased = gaussian_filter1d(eased, reach / 2, mode="nearest")
        share[here] *= np.where(hidden[here], 0, eased)
    return Visibility(share, facing <= 0, hidden)


def running_median(outlier_score: F32, rate: float) -> F32:
    """The median of HELD_S around every frame of a stretch (n,)."""
    size = 2 * round(MEDIAN_S * rate / 2) + 1
    return np.asarray(median_filter(outlier_score, size, mode="nearest"), np.float32)


def find_occluded(outlier_score: F32, track: FaceTrack) -> Bools:
    """Frames (f,) whose mouth looks unlike the person's; NaN: not known, not covered."""
    known = np.isfinite(outlier_score)
    if not known.any():
        return np.zeros(len(track), bool)
    usual = max(float(np.median(outlier_score[known])), MIN_TYPICAL_SCORES[0])
    low, high = (multiple * usual for multiple in OCCLUDED_SCORES)
    size = max(1, round(GAP_S * float(track.fps)))
    odd = np.zeros(len(track), bool)
    for first, end in track.shots():
        here = np.nan_to_num(outlier_score[first:end])
        steady = running_median(here, float(track.fps))
        stretches, count = label(steady > low)
        sure = maximum(steady, stretches, np.arange(1, count + 1)) > high
        odd[first:end] = np.isin(stretches, np.flatnonzero(sure) + 1) | (here > OCCLUDED_AT_ONCE * usual)
    closed = np.zeros(len(track), bool)
    for first, end in track.shots():
        # Padded, so that what is covered at a shot's edge stays so.
        closed[first:end] = binary_closing(np.pad(odd[first:end], size), np.ones(size + 1))[
            size : size + end - first
        ]
    return closed | odd
