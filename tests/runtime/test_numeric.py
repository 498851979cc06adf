"""Small numeric functions."""

from __future__ import annotations

import numpy as np

from lipsync.runtime.numeric import smoothstep


def test_smoothstep_rises_without_a_slope_at_either_end() -> None:
    x = np.linspace(0, 1, 1001)
    y = smoothstep(x)
    assert (y[0], y[500], y[-1]) == (0, 0.5, 1)
    assert (np.diff(y) >= 0).all()
    assert y[1] < 1e-5
    assert 1 - y[-2] < 1e-5
    assert smoothstep(x.astype(np.float32)).dtype == np.float32
