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

from lipsync.face.appearance import LEAST_USUAL
from lipsync.face.head_pose import head_angles
from lipsync.runtime.option_spec import options
from lipsync.types import F32, Bools, FaceTrack, MouthBank

FADE_DEGREES = 10.0  # beyond the limit, over which the new mouth goes
FADE_S = 0.12  # over which it goes before something covers the mouth, and returns after it
# A mouth is covered if it looks unlike all mouths of that shape, by so many times the usual
# difference (docs/benchmarks/thresholds.md): by the second for a while, and around that as long as
# by the first; or by AT_ONCE in a single frame.
COVERED, AT_ONCE = (2.5, 2.8), 3.5
HELD_S = 0.2  # over which the median is taken
GAP_S = 0.2  # between two covered stretches: still covered


@options
class ShownOptions:
    """Where the new mouth is shown."""

    yaw: Annotated[float, Field(ge=0, le=90)] = 30.0
    """Heads turned sideways by more than this (degrees) fade to the target's own mouth."""
    pitch: Annotated[float, Field(ge=0, le=90)] = 20.0
    """Heads raised or lowered by more than this (degrees) from their usual pose do as well."""
    occlusion: bool = True
    """Keep the target's own mouth where something is before it."""


@dataclass(frozen=True, eq=False)
class Shown:
    """How visible the new mouth is in each target frame, and why it is not."""

    share: F32  # (f,), 0..1
    turned: Bools  # (f,), not shown at all: turned too far
    covered: Bools  # (f,)


def shown(track: FaceTrack, bank: MouthBank, options: ShownOptions) -> Shown:
    """Where the new mouth may be shown.

    Args:
        track: of the target.
        bank: from footage that begins with the target.
    """
    yaw, pitch = head_angles(track)
    beyond = np.maximum(np.abs(yaw) - options.yaw, np.abs(pitch) - options.pitch)
    facing = np.clip(1 - np.nan_to_num(beyond, nan=-1.0) / FADE_DEGREES, 0, 1)
    hidden = np.zeros(len(track), bool)
    if options.occlusion and bank.oddness is not None:
        hidden = covered(bank.oddness[: len(track)], track)
    rate = float(track.fps)
    free = 1 - hidden.astype(np.float32)
    reach = max(1, round(FADE_S * rate))
    share = facing.astype(np.float32)
    for first, end in track.shots():
        here = slice(first, end)
        eased = minimum_filter1d(free[here], 2 * reach + 1, mode="nearest")
        eased = gaussian_filter1d(eased, reach / 2, mode="nearest")
        share[here] *= np.where(hidden[here], 0, eased)
    return Shown(share, facing <= 0, hidden)


def held(oddness: F32, rate: float) -> F32:
    """The median of HELD_S around every frame of a stretch (n,)."""
    size = 2 * round(HELD_S * rate / 2) + 1
    return np.asarray(median_filter(oddness, size, mode="nearest"), np.float32)


def covered(oddness: F32, track: FaceTrack) -> Bools:
    """Frames (f,) whose mouth looks unlike the person's; NaN: not known, not covered."""
    known = np.isfinite(oddness)
    if not known.any():
        return np.zeros(len(track), bool)
    usual = max(float(np.median(oddness[known])), LEAST_USUAL[0])
    low, high = (multiple * usual for multiple in COVERED)
    size = max(1, round(GAP_S * float(track.fps)))
    odd = np.zeros(len(track), bool)
    for first, end in track.shots():
        here = np.nan_to_num(oddness[first:end])
        steady = held(here, float(track.fps))
        stretches, count = label(steady > low)
        sure = maximum(steady, stretches, np.arange(1, count + 1)) > high
        odd[first:end] = np.isin(stretches, np.flatnonzero(sure) + 1) | (here > AT_ONCE * usual)
    closed = np.zeros(len(track), bool)
    for first, end in track.shots():
        # Padded, so that what is covered at a shot's edge stays so.
        closed[first:end] = binary_closing(np.pad(odd[first:end], size), np.ones(size + 1))[
            size : size + end - first
        ]
    return closed | odd
