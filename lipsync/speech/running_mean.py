"""Exponentially weighted mean of a stream, for sound that is still arriving."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

F64 = NDArray[np.float64]


class RunningMean:
    """The weighted mean of a stream so far, with exponential forgetting.

    It starts from a prior of weight `prior_weight`, which is forgotten like the rest but never
    below MIN_PRIOR of its weight: after hours of zero weight the mean returns to the prior. The
    sizes of the pieces do not change the result beyond rounding.
    """

    MIN_PRIOR = 1e-3  # of the prior's weight

    def __init__(self, prior: ArrayLike, prior_weight: float, memory: float) -> None:
        """`prior`: (d,); `memory`: steps after which a step's weight has decayed to 1/e."""
        self.prior = np.asarray(prior, np.float64)
        self.prior_weight, self.memory = prior_weight, memory
        self._steps = 0
        self._sums = np.zeros((1, 1 + len(self.prior)))  # of weight and weight · value

    def push(self, values: NDArray[np.floating], weights: NDArray[np.floating]) -> F64:
        """Add steps and return the mean after each of them.

        Args:
            values: (n, d).
            weights: (n,), 1 for an ordinary step.

        Returns:
            (n, d).
        """
        n, keep = len(values), np.exp(-1 / self.memory)
        if not n:
            return np.zeros_like(values, np.float64)
        weighted = np.concatenate([weights[:, None], weights[:, None] * values], axis=1)
        sums, self._sums = lfilter([1.0], [1.0, -keep], weighted, axis=0, zi=self._sums)
        age = np.arange(self._steps, self._steps + n)
        prior = self.prior_weight * (np.exp(-age / self.memory) + self.MIN_PRIOR)[:, None]
        self._steps += n
        return np.asarray((sums[:, 1:] + prior * self.prior) / (sums[:, :1] + prior))
