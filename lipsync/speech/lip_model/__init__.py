"""Features → the lips of a person saying it.

The network knows shapes relative to a speaker: (points − neutral) / mouth width. Here the
target's own neutral mouth and width are put back, and the delay of a streaming network is undone.

    network     The lip network, its weights, and the options that choose them
    prediction  Features → a person's lips, at the times of their frames
    streaming   Lips of a sound that is still arriving
"""

from __future__ import annotations

from lipsync.speech.lip_model.network import (
    ARTICULATION,
    COORDINATES,
    OPENING_RATIO,
    SHIPPED,
    LipDims,
    LipLSTM,
    LipOptions,
    Member,
    path_of,
)
from lipsync.speech.lip_model.prediction import (
    at_times,
    predict,
)

__all__ = [
    "ARTICULATION",
    "COORDINATES",
    "OPENING_RATIO",
    "SHIPPED",
    "LipDims",
    "LipLSTM",
    "LipOptions",
    "Member",
    "at_times",
    "path_of",
    "predict",
]
