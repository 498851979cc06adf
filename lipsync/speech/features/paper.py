"""The paper's 28 values per step: 13 cepstra, log energy, and their first difference.

docs/method.md §1.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from python_speech_features import sigproc
from python_speech_features.base import get_filterbanks
from scipy.fft import dct

from lipsync.speech.features.phones import CEPSTRA
from lipsync.speech.features.spec import FeatureSpec
from lipsync.speech.features.spectrum import FFT, Floats, emphasized_blocks, hamming_windows
from lipsync.types import F32, SPEECH_RATE

LOW, HIGH = 133, 6855  # Hz, of the filters


def paper28(samples: F32, spec: FeatureSpec) -> F32:
    """(n, 28): the paper's values of a 16 kHz sound (docs/method.md §1)."""
    static = np.concatenate([paper14(block, spec.bands) for block in emphasized_blocks(samples)])
    values = np.concatenate([static, np.diff(static, axis=0, prepend=static[:1])], axis=1)
    if spec.per_clip:
        values -= values.mean(0)
    return np.asarray(values, dtype=np.float32)


def paper14(emphasized: Floats, filters: int) -> NDArray[np.float64]:
    """(n, 14): 13 cepstra and log energy of a piece of pre-emphasized sound."""
    frames = hamming_windows(emphasized)
    mel = sigproc.powspec(frames, FFT) @ _filters(filters)
    cepstra = dct(np.log(np.maximum(mel, 1e-3)), type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    energy = np.log(1 + np.mean(frames**2, axis=1, keepdims=True))
    return np.concatenate([cepstra, energy], axis=1)


@cache
def _filters(count: int) -> NDArray[np.float64]:
    return np.asarray(get_filterbanks(count, FFT, SPEECH_RATE, LOW, HIGH).T)
