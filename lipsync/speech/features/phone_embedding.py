"""What is heard at a moment, as something whose distances mean something.

Square roots of phone posteriors: their Euclidean distance is Hellinger's, between 0 (the same
phones) and √2 (none in common).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.speech.features.spec import FeatureSpec
from lipsync.types import F32, AudioFeatures

SMOOTH_STEPS = 3.0  # σ: a frame of picture is exposed for several steps of sound


def said(heard: AudioFeatures, spec: FeatureSpec, times: NDArray[np.floating]) -> F32 | None:
    """(n, 42) what is heard at these times (s); None if the features tell no phones."""
    if "phones" not in spec.parts:
        return None
    posteriors = heard.values[:, spec.parts["phones"]]
    smooth = gaussian_filter1d(posteriors, SMOOTH_STEPS, axis=0, mode="nearest")
    steps = np.round((times - heard.start) * heard.rate).astype(np.int64)
    return np.asarray(
        np.sqrt(np.maximum(smooth[np.clip(steps, 0, len(smooth) - 1)], 0)), np.float32
    )
