"""Visibility of the new mouth: it fades out on heads turned too far and on occluded mouths.

A mouth drawn on a profile looks grotesque, one drawn over a hand worse. In both cases the target's
own picture fades in, and the frames are counted.

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
from lipsync.types import F32, Bools, FaceTrack, Occluders

FADE_DEGREES = 10.0  # beyond the limit of yaw or pitch, over which the new mouth fades out
FADE_S = 0.12  # over which it fades out before an occlusion, and in after it
# A mouth is occluded where its appearance outlier score, as a multiple of the median score
# (docs/benchmarks/thresholds.md), exceeds OCCLUDED_AT_ONCE in a single frame; or, smoothed by a
# running median, the first value of OCCLUDED_SCORES throughout and the second one somewhere.
OCCLUDED_SCORES, OCCLUDED_AT_ONCE = (2.5, 2.8), 3.5
MEDIAN_S = 0.2  # window of the running median
GAP_S = 0.2  # shorter gaps between two occlusions count as occluded


@option_group
class VisibilityOptions:
    """Where the new mouth is shown."""

    yaw: Annotated[float, Field(ge=0, le=90)] = 30.0
    """Heads turned sideways by more than this (degrees) fade to the target's own mouth."""
    pitch: Annotated[float, Field(ge=0, le=90)] = 20.0
    """Heads raised or lowered by more than this (degrees) from their usual pose do as well."""
    occlusion: bool = True
    """Keep the target's own mouth where something is in front of it."""


@dataclass(frozen=True, eq=False)
class Visibility:
    """How visible the new mouth is in each target frame, and why it is not."""

    weight: F32  # (f,), 0..1, of the new mouth
    turned_away: Bools  # (f,), the head is turned too far: not shown at all
    occluded: Bools  # (f,), something is in front of the mouth
    # (f,), 0..1, how far the jaw may move: a caption or hand that crosses its line must not
    jaw: F32


def measure_visibility(
    track: FaceTrack,
    outlier_score: F32 | None,
    options: VisibilityOptions,
    occluders: Occluders | None = None,
) -> Visibility:
    """Measure how visible the new mouth may be in every frame of the target.

    Args:
        outlier_score: (f,), see `FootageAppearance`; None: unknown.
        occluders: what lies before the face; None: unknown.
    """
    yaw, pitch = measure_head_angles(track)
    beyond = np.maximum(np.abs(yaw) - options.yaw, np.abs(pitch) - options.pitch)
    facing = np.clip(1 - np.nan_to_num(beyond, nan=-1.0) / FADE_DEGREES, 0, 1)
    occluded = np.zeros(len(track), bool)
    if options.occlusion and outlier_score is not None:
        occluded = find_occluded(outlier_score, track)
    jaw = np.ones(len(track), np.float32)
    if options.occlusion and occluders is not None:
        occluded |= _join_moments(occluders.near_lips, track)
        jaw = _ease_out(occluders.rows >= 0, track)
    weight = (facing * _ease_out(occluded, track)).astype(np.float32)
    return Visibility(weight, facing <= 0, occluded, jaw)


def _ease_out(flags: Bools, track: FaceTrack) -> F32:
    """1, falling to 0 before the frames (f,) that are flagged, and rising after them."""
    free = 1 - flags.astype(np.float32)
    reach = max(1, round(FADE_S * float(track.fps)))
    weight = np.ones(len(track), np.float32)
    for first, end in track.shots():
        here = slice(first, end)
        eased = minimum_filter1d(free[here], 2 * reach + 1, mode="nearest")
        eased = gaussian_filter1d(eased, reach / 2, mode="nearest")
        weight[here] = np.where(flags[here], 0, eased)
    return weight


def running_median(outlier_score: F32, rate: float) -> F32:
    """Running median over MEDIAN_S of the scores of one shot, (n,).

    Args:
        rate: frames per second.
    """
    size = 2 * round(MEDIAN_S * rate / 2) + 1
    return np.asarray(median_filter(outlier_score, size, mode="nearest"), np.float32)


def find_occluded(outlier_score: F32, track: FaceTrack) -> Bools:
    """Find frames (f,) whose mouth is occluded, by its outlier score; NaN counts as visible."""
    known = np.isfinite(outlier_score)
    if not known.any():
        return np.zeros(len(track), bool)
    typical = max(float(np.median(outlier_score[known])), MIN_TYPICAL_SCORES[0])
    low, high = (multiple * typical for multiple in OCCLUDED_SCORES)
    occluded = np.zeros(len(track), bool)
    for first, end in track.shots():
        here = np.nan_to_num(outlier_score[first:end])
        smoothed = running_median(here, float(track.fps))
        runs, count = label(smoothed > low)
        sure = maximum(smoothed, runs, np.arange(1, count + 1)) > high
        at_once = here > OCCLUDED_AT_ONCE * typical
        occluded[first:end] = np.isin(runs, np.flatnonzero(sure) + 1) | at_once
    return _join_moments(occluded, track)


def _join_moments(occluded: Bools, track: FaceTrack) -> Bools:
    """Close short gaps (GAP_S) between occluded frames (f,) of a shot."""
    size = max(1, round(GAP_S * float(track.fps)))
    closed = np.zeros(len(track), bool)
    for first, end in track.shots():
        # Padded, so that occlusions at a shot's edge survive the closing.
        closed[first:end] = binary_closing(np.pad(occluded[first:end], size), np.ones(size + 1))[
            size : size + end - first
        ]
    return closed | occluded
