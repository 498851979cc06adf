"""Lips with the person's own range and with the tempo of speech.

A network trained on a few people predicts a mean of what lips may do: in another person's running
speech it hangs open, its dips for p, b and m do not reach the shut mouth, and fast motion is lost.
What does not depend on the sound is put right here. The gap between the lips is brought linearly
to the person's own: what is least open in the predicted speech to the shut mouth, and its range to
that of their lips. All else about the mouth comes to have the mean that it has while this person
speaks. Fast motion is amplified. Measured in docs/benchmarks/running.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.ndimage import gaussian_filter1d

from lipsync.runtime.option_spec import option_group
from lipsync.speech import lip_model, silence
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.vad import SpeechSegments
from lipsync.types import F32, AudioFeatures, LipTrack

# Motion faster than a Gaussian of FAST_S leaves is amplified by 1 + FASTER: of the opening, power
# at 6–10 Hz is 0.4 of the true one without it (docs/benchmarks/running.md, `--articulation 0`).
FAST_S, FASTER = 0.06, 0.2
# Percentiles of the predicted gap that are the shut and the wide mouth. In running speech lips are
# shut in about a tenth of the frames.
SHUT_PERCENT, WIDE_PERCENT = 10, 95
# The same where little speech was predicted: gap above the neutral mouth's and range, in mouth
# widths (about what speakers of GRID have), which count as much as PRIOR_S seconds of speech.
USUAL_SHUT, USUAL_RANGE, PRIOR_S = 0.02, 0.25, 3.0
MEAN_PRIOR_S = 1.0  # the same for the mean shape, which is known sooner
# Factor on the range. A smaller range of the target's is ignored: it may simply not have spoken.
LEAST_GAIN, MOST_GAIN = 1.0, 1.3
UPPER, LOWER = 13, 16  # the inner lips' middles


@option_group
class ArticulationOptions:
    """How clearly the lips speak."""

    articulation: Annotated[float, Field(ge=0, le=1.5)] = 1.0
    """How far the lips are brought to the person's own range and to the tempo of speech; 0: as the
    speech model predicts them, which mumbles."""


def articulate(
    lips: LipTrack,
    speech: SpeechSegments,
    profile: LipProfile,
    options: ArticulationOptions | None = None,
) -> LipTrack:
    """Bring predicted lips to a person's range and to the tempo of speech.

    Args:
        lips: (n), predicted for this profile; no NaN.
        speech: where there is speech; elsewhere lips are treated alike, but not measured.
        options: default: all defaults.
    """
    strength = (options or ArticulationOptions()).articulation
    if not len(lips) or not strength:
        return lips
    clear = _articulate_fully(lips, speech, profile)
    points = lips.points + np.float32(strength) * (clear - lips.points)
    return LipTrack(np.asarray(points, np.float32), lips.rate)


def predict_speech(
    model: LipLSTM,
    features: AudioFeatures,
    speech: SpeechSegments,
    profile: LipProfile,
    length: tuple[Fraction, int],
    options: ArticulationOptions | None = None,
) -> LipTrack:
    """The lips of a sound as a render has them, before it settles them in pauses.

    Predicted, articulated, and in silence no less open than the person's resting mouth.

    Args:
        features: of the sound; speech: where there is speech in it.
        length: frames per second and number of frames.
    """
    predicted = lip_model.predict(model, features, profile, *length)
    return silence.apply_rest_pose(articulate(predicted, speech, profile, options), speech, profile)


def _articulate_fully(lips: LipTrack, speech: SpeechSegments, profile: LipProfile) -> F32:
    """Points (n, 18, 2) of lips in the person's range and the tempo of speech."""
    spoken = speech.at(np.arange(len(lips)) / float(lips.rate))
    points = _amplify_fast_motion(lips.points, float(lips.rate))
    gaps = LipTrack(points, lips.rate).opening
    centered = gaps - gaps.mean()
    energy = float((centered**2).sum())
    if energy <= 1e-9:
        return points
    # The way in which these lips open: the shape's slope over the gap.
    slope = np.tensordot(centered, points - points.mean(0), axes=1).astype(np.float32) / energy
    wanted = GapRange.of(gaps[spoken], lips.rate, profile).apply(gaps)
    points = np.asarray(points + (wanted - gaps)[:, None, None] * slope, np.float32)
    return points + shift_to_mean(points[spoken], float(lips.rate), slope, profile)


@dataclass(frozen=True)
class GapRange:
    """How predicted gaps become those of a person's range."""

    low: float  # predicted gap that stands for the shut mouth
    gain: float
    shut: float  # gap of the person's shut mouth

    @staticmethod
    def of(gaps: F32, rate: Fraction, profile: LipProfile) -> GapRange:
        """Measure predicted gaps (k) in speech; the smaller k is, the more the usual counts."""
        low, span = _measure(gaps, rate, profile)
        gain = 1.0
        if profile.opening_range > 0 and span > 0:
            gain = float(np.clip(profile.opening_range / span, LEAST_GAIN, MOST_GAIN))
        return GapRange(
            low, gain, inner_gap(profile.neutral if profile.shut is None else profile.shut)
        )

    def apply(self, gaps: F32) -> F32:
        """Bring gaps (n,) to the range."""
        wanted = np.maximum(self.shut + self.gain * (gaps - self.low), self.shut)
        return np.asarray(wanted, np.float32)


def shift_to_mean(points: F32, rate: float, slope: F32, profile: LipProfile) -> F32:
    """The shift (18, 2) of all lips that brings those in speech, (k, 18, 2), to the person's mean.

    Along the slope it leaves the gap between the lips as it is.
    """
    if profile.speaking is None or not len(points):
        return np.zeros_like(slope, np.float32)
    seconds = len(points) / rate
    shift = profile.speaking - points.mean(0)
    shift = shift - (shift[LOWER, 1] - shift[UPPER, 1]) * slope
    return np.asarray(seconds / (seconds + MEAN_PRIOR_S) * shift, np.float32)


def _amplify_fast_motion(points: F32, rate: float) -> F32:
    """Lips (n, 18, 2) with more of what changes within FAST_S."""
    slow = gaussian_filter1d(points, FAST_S * rate, axis=0, mode="nearest")
    return np.asarray(points + FASTER * (points - slow), np.float32)


def _measure(gaps: F32, rate: Fraction, profile: LipProfile) -> tuple[float, float]:
    """The gap that stands for the shut mouth, and the range above it, in predicted speech.

    Args:
        gaps: (k,), of the frames with speech.
    """
    low = inner_gap(profile.neutral) + USUAL_SHUT * profile.width
    span = USUAL_RANGE * profile.width
    if not len(gaps):
        return low, span
    seconds = len(gaps) / float(rate)
    share = seconds / (seconds + PRIOR_S)
    least, most = np.percentile(gaps, [SHUT_PERCENT, WIDE_PERCENT])
    return (
        float(share * least + (1 - share) * low),
        float(share * (most - least) + (1 - share) * span),
    )


def inner_gap(shape: F32) -> float:
    """Inner-lip gap of one shape (18, 2)."""
    return float(LipTrack(shape[None], Fraction(1)).opening[0])
