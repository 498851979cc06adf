"""Figures of a sound that is still arriving: what is known of it so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

F64 = NDArray[np.float64]


class RunningMean:
    """The weighted mean of all that has been heard, lately heard things counting more.

    It starts from a prior, which counts as much as `prior_weight` and is forgotten like the rest,
    but never quite: after hours of nothing at all the mean is the prior's again. Whatever the
    sizes of the pieces, the result is the same to rounding.
    """

    NEVER_LESS = 1e-3  # of the prior's weight

    def __init__(self, prior: ArrayLike, prior_weight: float, memory: float) -> None:
        """`prior`: (d,); `memory`: steps after which a step counts 1/e of what it did."""
        self.prior = np.asarray(prior, np.float64)
        self.prior_weight, self.memory = prior_weight, memory
        self._steps = 0
        self._sums = np.zeros((1, 1 + len(self.prior)))  # of weight and weight · value

    def push(self, values: NDArray[np.floating], weights: NDArray[np.floating]) -> F64:
        """The mean after each of these steps.

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
        prior = self.prior_weight * (np.exp(-age / self.memory) + self.NEVER_LESS)[:, None]
        self._steps += n
        return np.asarray((sums[:, 1:] + prior * self.prior) / (sums[:, :1] + prior))
