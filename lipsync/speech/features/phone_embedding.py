"""What is said at a time: phone posteriors as an embedding with a meaningful distance.

Textures compare the speech of two moments by it, whatever a speech model reads.
Square roots of the posteriors: their Euclidean distance is the Hellinger distance (up to a
constant factor), from 0 (the same phones) to √2 (none in common).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lipsync.speech.features.spec import FeatureSpec
from lipsync.types import F32, AudioFeatures

PHONE_SPEC = FeatureSpec("phones", throat=True)
PHONES = "phones.safetensors"
BILABIALS = ("P", "B", "M")  # sounds at which the lips meet
SMOOTH_STEPS = 3.0  # σ: a video frame is exposed for several steps of sound


def embed_phones(features: AudioFeatures, times: NDArray[np.floating]) -> F32:
    """Phone embedding (n, 42) at these times (s), from features of PHONE_SPEC."""
    smooth = gaussian_filter1d(features.values, SMOOTH_STEPS, axis=0, mode="nearest")
    steps = np.round((times - features.start) * features.rate).astype(np.int64)
    return np.asarray(
        np.sqrt(np.maximum(smooth[np.clip(steps, 0, len(smooth) - 1)], 0)), np.float32
    )


def phone_columns(phones: Sequence[str]) -> list[int]:
    """Columns of features of PHONE_SPEC, and of the embedding, that stand for these phones."""
    names = _phone_names()
    return [names.index(one) for one in phones]


@cache
def _phone_names() -> list[str]:
    from lipsync.runtime import checkpoint

    return list(checkpoint.load(checkpoint.asset_path(PHONES))[1]["phones"])
