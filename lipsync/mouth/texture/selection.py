"""Selection of the bank entries that each wanted mouth is made from.

For every frame: the nearest entries and their weights, the entries that provide single-frame detail
(chosen over the whole run for temporal continuity), and the regression's correction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.mouth.bank.shape_free import mean_shape
from lipsync.mouth.texture.candidates import CandidateSearch, MouthSequence, compute_descriptors
from lipsync.mouth.texture.continuity import find_smoothest_path
from lipsync.mouth.texture.detail import DETAIL_STEP_S, DETAIL_WINDOW
from lipsync.mouth.texture.regression import MIN_ENTRIES, Regression
from lipsync.mouth.texture.source import TextureOptions
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.threads import single_threaded_blas
from lipsync.types import F32, I64, MouthBank

MAX_GAIN = 2.0  # of the correction of a candidate's light, per color channel


@dataclass(frozen=True, eq=False)
class Selection:
    """The bank entries that one mouth is made from."""

    entries: I64  # (n,), nearest first
    weights: F32  # (n,), summing to 1
    details: I64  # (len(DETAIL_WINDOW),), entries that provide detail to the surrounding frames
    correction: F32 | None  # shape-free, from `Regression.predict_correction`; None: unknown


class CandidateSelector:
    """Selects entries of one bank; searches and regressions are prepared on first use."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._candidates = options.candidates
        self._successors = bank.thumbnails[find_successors(bank)]
        # By whether the phone embedding counts, which depends on the wanted mouths.
        self._searches: dict[bool, tuple[CandidateSearch, Regression | None]] = {}
        regressed = options.regression and options.warp and options.candidates > 1
        enough = (bank.quality > 0).sum() >= MIN_ENTRIES
        # Shape of the bank's shape-free pictures; None: there is no regression.
        self.mean_shape: F32 | None = None
        if regressed and enough and bank.shape_free is not None:
            self.mean_shape = mean_shape(bank.control, bank.to_crop)

    def describe(self, wanted: WantedMouths, run: I64) -> F32:
        """Descriptors of the wanted mouths, (n, d); see `compute_descriptors`.

        Args:
            run: (n,), number of the run of consecutive frames that each belongs to.

        Raises:
            ValueError: the bank knows the color of the skin and the wanted mouths do not.
        """
        if self._bank.skin_color is not None and wanted.skin_color is None:
            raise ValueError("WantedMouths.skin_color: wanted by this bank, got None")
        phones = None if self._bank.phones is None else wanted.phones
        search, _ = self._search(phones is not None)
        return compute_descriptors(
            MouthSequence(
                wanted.lips.points,
                wanted.target.nose,
                run,
                np.arange(len(wanted)),
                np.full(len(wanted), float(wanted.lips.rate)),
                phones,
                None if self._bank.skin_color is None else wanted.skin_color,
                search.nearest_scale(wanted.target.scale),
            )
        )

    def select(self, descriptors: F32, heard: bool, rate: float) -> list[Selection]:
        """Select entries for n consecutive frames.

        Args:
            descriptors: (n, d) from `describe`.
            heard: their phone embedding is known.
            rate: frames per second.
        """
        search, regression = self._search(heard and self._bank.phones is not None)
        with single_threaded_blas():
            found = [search.find_nearest(one) for one in descriptors]
            entries = np.stack([f[0] for f in found])
            costs = np.stack([f[2] for f in found])
            path = find_smoothest_path(entries, costs, self._bank.thumbnails, self._successors)
            corrections: list[F32 | None] = [None] * len(descriptors)
            if regression is not None:
                corrections = [
                    regression.predict_correction(one, e, w)
                    for one, (e, w, _) in zip(descriptors, found, strict=True)
                ]
        picks = entries[np.arange(len(entries)), path]
        reach, step = len(DETAIL_WINDOW) // 2, max(1, round(DETAIL_STEP_S * rate))
        around = np.arange(len(picks))[:, None] + step * np.arange(-reach, reach + 1)
        details = picks[np.clip(around, 0, len(picks) - 1)]
        return [
            Selection(e, w, d, c)
            for (e, w, _), d, c in zip(found, details, corrections, strict=True)
        ]

    def _search(self, heard: bool) -> tuple[CandidateSearch, Regression | None]:
        if heard not in self._searches:
            search = CandidateSearch(self._bank, self._candidates, heard)
            self._searches[heard] = search, self._regression(search)
        return self._searches[heard]

    def _regression(self, search: CandidateSearch) -> Regression | None:
        """Fit the regression; None: disabled, or the bank is too small."""
        bank = self._bank
        if self.mean_shape is None or bank.shape_free is None:
            return None
        gains = light_gains(bank, np.arange(len(bank)), bank.usual_skin_color)
        return Regression(search.descriptors, bank.shape_free, gains, bank.quality > 0)


def light_gains(bank: MouthBank, entries: I64, skin_color: F32 | None) -> F32:
    """Factors that bring each entry's colors to the light of a skin color (3,), (n, 3)."""
    if bank.skin_color is None or skin_color is None:
        return np.ones((len(entries), 3), np.float32)
    theirs = np.maximum(bank.skin_color[entries], 1)
    gains = np.clip(np.maximum(skin_color, 1) / theirs, 1 / MAX_GAIN, MAX_GAIN)
    return np.asarray(gains, np.float32)


def find_successors(bank: MouthBank) -> I64:
    """Entry that followed each entry in the footage, (m,); itself where none follows directly."""
    following = np.minimum(np.arange(len(bank)) + 1, len(bank) - 1)
    joined = (bank.frames[following] == bank.frames + 1) & (bank.shots[following] == bank.shots)
    return np.where(joined, following, np.arange(len(bank))).astype(np.int64)
