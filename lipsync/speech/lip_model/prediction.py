"""Features → a person's lips, at the times of their frames."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lipsync.speech.lip_model.network import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, AudioFeatures, LipTrack


def predict(
    model: LipLSTM, features: AudioFeatures, profile: LipProfile, fps: Fraction, n_frames: int
) -> LipTrack:
    """Predict the target's lips at the time of every frame.

    Returns:
        LipTrack of n_frames at fps, in the canonical space of the person of `profile`.
    """
    shapes, times = model.predict_shapes(features)
    relative = interpolate_shapes(shapes, times, np.arange(n_frames) / float(fps))
    return LipTrack(model.to_canonical(profile, relative), fps)


def interpolate_shapes(shapes: F32, times: NDArray[np.floating], at: NDArray[np.floating]) -> F32:
    """Linear interpolation of shapes (m, ...), known at ascending `times`, at the times `at`.

    Before the first and after the last time the shape is constant.
    """
    if len(times) == 1:
        return np.repeat(shapes, len(at), axis=0)
    right = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    left = right - 1
    share = np.clip((at - times[left]) / (times[right] - times[left]), 0, 1)
    share = share.reshape(-1, *[1] * (shapes.ndim - 1))
    return np.asarray(shapes[left] * (1 - share) + shapes[right] * share, dtype=np.float32)
