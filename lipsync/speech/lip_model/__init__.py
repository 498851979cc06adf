"""Features → the lips of a person speaking.

The network predicts shapes relative to a speaker: (points − neutral) / mouth width. Prediction
applies the target's own neutral mouth and width, and compensates a streaming network's delay.

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
    weights_path,
)
from lipsync.speech.lip_model.prediction import (
    interpolate_shapes,
    predict,
)
from lipsync.speech.lip_model.streaming import LipStream, open_stream

__all__ = [
    "ARTICULATION",
    "COORDINATES",
    "OPENING_RATIO",
    "SHIPPED",
    "LipDims",
    "LipLSTM",
    "LipOptions",
    "LipStream",
    "Member",
    "interpolate_shapes",
    "open_stream",
    "predict",
    "weights_path",
]
