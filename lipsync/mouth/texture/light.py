"""The light of a bank's entries, corrected to that of a wanted mouth by the color of the skin."""

from __future__ import annotations

import numpy as np

from lipsync.types import F32, I64, MouthBank

MAX_GAIN = 2.0  # of the correction, per color channel


def light_gains(bank: MouthBank, entries: I64, skin_color: F32 | None) -> F32:
    """Factors that bring each entry's colors to the light of a skin color (3,), (n, 3)."""
    if bank.skin_color is None or skin_color is None:
        return np.ones((len(entries), 3), np.float32)
    theirs = np.maximum(bank.skin_color[entries], 1)
    gains = np.clip(np.maximum(skin_color, 1) / theirs, 1 / MAX_GAIN, MAX_GAIN)
    return np.asarray(gains, np.float32)
