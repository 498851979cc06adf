"""A made-up mouth that opens, for tests of articulation."""

from __future__ import annotations

import numpy as np


def mouth(gap: float) -> np.ndarray:
    """18 lip points whose inner lips are so far apart; the lower lip and the corners follow."""
    turn = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    outer = np.stack([0.3 * np.cos(turn), 1.0 - 0.1 * np.sin(turn)], -1)
    inner = np.array([(-0.2, 1), (0, 1), (0.2, 1), (0.2, 1), (0, 1), (-0.2, 1)], float)
    outer[7:, 1] += gap
    outer[[0, 6], 0] *= 1 - 0.2 * gap
    inner[3:, 1] += gap
    return np.concatenate([outer, inner]).astype(np.float32)
