"""Features → a person's lips, at the times of their frames."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lipsync.speech.lip_model.network import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, AudioFeatures, LipTrack

if TYPE_CHECKING:
    pass


def predict(
    model: LipLSTM, features: AudioFeatures, profile: LipProfile, fps: Fraction, n_frames: int
) -> LipTrack:
    """The target's lips at the time of every frame.

    Returns:
        LipTrack of n_frames at fps, in the canonical space of the person of `profile`.
    """
    shapes, times = model.shapes(features)
    relative = at_times(shapes, times, np.arange(n_frames) / float(fps))
    return LipTrack(model.on(profile, relative), fps)


def at_times(shapes: F32, times: NDArray[np.floating], wanted: NDArray[np.floating]) -> F32:
    """Shapes (m, ...) known at ascending `times`, linearly at `wanted`; the ends are held."""
    if len(times) == 1:
        return np.repeat(shapes, len(wanted), axis=0)
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    left = right - 1
    share = np.clip((wanted - times[left]) / (times[right] - times[left]), 0, 1)
    share = share.reshape(-1, *[1] * (shapes.ndim - 1))
    return np.asarray(shapes[left] * (1 - share) + shapes[right] * share, dtype=np.float32)
