"""The detail that a mouth's nearest candidates share: the mean of their luma, in the mean shape.

In the mean shape all pictures lie on one another, so that their mean is a sum, and only the sum is
warped to where the mouth is wanted: one map instead of one per candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lipsync.mouth.texture.merge import weighted_mean
from lipsync.types import F32, I64, U8, MouthBank


@dataclass(frozen=True, eq=False)
class SharedDetail:
    """Luma of m shape-free pictures, and which of them stands for each entry of a bank."""

    lumas: U8  # (m, s, s)
    rows: I64  # (entries of the bank,): of an entry that is not among them the nearest in time

    @staticmethod
    def of(bank: MouthBank, entries: I64, pictures: U8) -> SharedDetail:
        """Take the luma of shape-free pictures (m, s, s, 3) of entries (m,), ascending."""
        lumas = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in pictures])
        after = np.clip(np.searchsorted(entries, np.arange(len(bank))), 0, len(entries) - 1)
        before = np.maximum(after - 1, 0)
        at = np.arange(len(bank))
        nearer = np.abs(entries[before] - at) < np.abs(entries[after] - at)
        return SharedDetail(lumas, np.where(nearer, before, after))

    def mean(self, entries: I64, weights: F32) -> F32:
        """Weighted mean luma (s, s) of entries (n,), in their own light."""
        return weighted_mean(self.lumas[self.rows[entries]], weights)
