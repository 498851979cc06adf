"""Which frame of the target every output frame shows."""

from __future__ import annotations

import numpy as np

from lipsync.types import Timing


def bounce(n_target: int, n_output: int) -> Timing:
    """Play the target forth and back until the output is full; a shorter output cuts it.

    The end frames are not doubled: 0, 1, 2, 1, 0, 1 … so the motion turns round without a stop.
    A target of one frame is held.

    Returns:
        Timing of `n_output` frames, unblended.
    """
    if n_target < 1 or n_output < 0:
        raise ValueError(f"bounce: wanted n_target >= 1, n_output >= 0, got {n_target}, {n_output}")
    period = max(2 * (n_target - 1), 1)
    phase = np.arange(n_output, dtype=np.int64) % period
    source = np.minimum(phase, period - phase) if n_target > 1 else np.zeros_like(phase)
    return Timing(source, np.zeros(n_output, dtype=np.float32))


def unchanged(n: int) -> Timing:
    """The target as it is: with spans, everything outside of them stays in its place."""
    return Timing(np.arange(n, dtype=np.int64), np.zeros(n, dtype=np.float32))
