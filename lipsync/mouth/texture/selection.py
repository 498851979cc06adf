"""From which bank entries each wanted mouth is made, and what they lack on the whole.

For every frame the nearest entries with their weights, the entries that give single detail, chosen
over the whole stretch so that they flow, and the regression's correction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.mouth.bank.shape_free import usual_shape
from lipsync.mouth.texture.candidates import Candidates, describe
from lipsync.mouth.texture.continuity import smoothest_path
from lipsync.mouth.texture.detail import DETAIL_WINDOW
from lipsync.mouth.texture.regression import FEWEST, Regression
from lipsync.mouth.texture.source import TextureOptions
from lipsync.runtime.threads import small_products
from lipsync.types import F32, I64, MouthBank

GAIN_MOST = 2.0  # a candidate's light is corrected up to this factor


@dataclass(frozen=True, eq=False)
class Choice:
    """The bank entries that one mouth is made from."""

    entries: I64  # (n,), nearest first
    weights: F32  # (n,), summing to 1
    details: I64  # (len(DETAIL_WINDOW),), entries that give single detail to the frames around
    correction: F32 | None  # shape-free, what the entries' mean lacks; None: not known


class Choosing:
    """The search in one bank; what it needs is learnt when it is first asked for."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._candidates = options.candidates
        self._successors = bank.looks[successors(bank)]
        # Whether what is said counts is known only when it is known of the wanted mouths.
        self._search: dict[bool, tuple[Candidates, Regression | None]] = {}
        regressed = options.regression and options.warp and options.candidates > 1
        enough = (bank.quality > 0).sum() >= FEWEST
        # The shape of the bank's shape-free pictures; None: nothing is to be learnt from them.
        self.usual: F32 | None = None
        if regressed and enough and bank.shape_free is not None:
            self.usual = usual_shape(bank.control, bank.to_crop)

    def described(
        self, lips: F32, pose: F32, stretch: I64, scale: F32, said: F32 | None, light: F32 | None
    ) -> F32:
        """Descriptors of the wanted mouths (n, d); see `describe`.

        Args:
            stretch: (n,) which frames belong together.
            scale: (n,) of the frames they are wanted in.
        """
        search, _ = self._prepared(said is not None)
        frames = np.arange(len(lips))
        near = search.nearest_scale(scale)
        return describe(lips, pose, stretch, frames, said, light, near)

    def choices(self, wanted: F32, heard: bool) -> list[Choice]:
        """For consecutive frames.

        Args:
            wanted: (n, d) from `described`.
            heard: what is said is known of them.
        """
        search, regression = self._prepared(heard)
        with small_products():
            found = [search.choose(one) for one in wanted]
            entries = np.stack([f[0] for f in found])
            costs = np.stack([f[2] for f in found])
            path = smoothest_path(entries, costs, self._bank.looks, self._successors)
            corrections: list[F32 | None] = [None] * len(wanted)
            if regression is not None:
                corrections = [
                    regression.correction(one, e, w)
                    for one, (e, w, _) in zip(wanted, found, strict=True)
                ]
        picks = entries[np.arange(len(entries)), path]
        reach = len(DETAIL_WINDOW) // 2
        around = np.arange(len(picks))[:, None] + np.arange(-reach, reach + 1)
        details = picks[np.clip(around, 0, len(picks) - 1)]
        return [
            Choice(e, w, d, c) for (e, w, _), d, c in zip(found, details, corrections, strict=True)
        ]

    def _prepared(self, heard: bool) -> tuple[Candidates, Regression | None]:
        if heard not in self._search:
            search = Candidates(self._bank, self._candidates, heard)
            self._search[heard] = search, self._regression(search)
        return self._search[heard]

    def _regression(self, search: Candidates) -> Regression | None:
        """None: not wanted, or there is too little to learn it from."""
        bank = self._bank
        if self.usual is None or bank.shape_free is None:
            return None
        light = None if bank.light is None else np.nanmedian(bank.light, axis=0)
        gains = light_gains(bank, np.arange(len(bank)), light)
        return Regression(search.described, bank.shape_free, gains, bank.quality > 0)


def light_gains(bank: MouthBank, entries: I64, light: F32 | None) -> F32:
    """What each entry's colours are multiplied by to be seen in this light (3,), (n, 3)."""
    if bank.light is None or light is None:
        return np.ones((len(entries), 3), np.float32)
    theirs = np.maximum(bank.light[bank.frames[entries]], 1)
    gains = np.clip(np.maximum(light, 1) / theirs, 1 / GAIN_MOST, GAIN_MOST)
    return np.asarray(gains, np.float32)


def successors(bank: MouthBank) -> I64:
    """The entry that followed each entry in the footage; itself at the end of a stretch, (m,)."""
    following = np.minimum(np.arange(len(bank)) + 1, len(bank) - 1)
    joined = (bank.frames[following] == bank.frames + 1) & (bank.shots[following] == bank.shots)
    return np.where(joined, following, np.arange(len(bank))).astype(np.int64)
