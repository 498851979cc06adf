"""Selection of the bank entries that each wanted mouth is made from.

For every frame: the nearest entries and their weights, the entries that provide single-frame detail
(chosen over the whole run for temporal continuity), and what the appearance model predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.mouth.texture.appearance_model import MAX_ENTRIES, MIN_ENTRIES
from lipsync.mouth.texture.bank_model import (
    BankModel,
    find_successors,
    fit_model,
    load_or_fit,
)
from lipsync.mouth.texture.candidates import CandidateSearch, MouthSequence, compute_descriptors
from lipsync.mouth.texture.continuity import find_smoothest_path
from lipsync.mouth.texture.detail import DETAIL_STEP_S, DETAIL_WINDOW
from lipsync.mouth.texture.shape_space import ShapeSpace
from lipsync.mouth.texture.source import TextureOptions
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.runtime.threads import single_threaded_blas
from lipsync.types import F32, I64, MouthBank


@dataclass(frozen=True, eq=False)
class Selection:
    """The bank entries that one mouth is made from."""

    entries: I64  # (n,), nearest first
    weights: F32  # (n,), summing to 1
    details: I64  # (len(DETAIL_WINDOW),), entries that provide detail to the surrounding frames
    scores: F32 | None  # (r,), components from `AppearanceModel.predict`; None: there is no model
    openings: I64  # (len(DETAIL_WINDOW),), mouths of the `Opening`; without a model none


class CandidateSelector:
    """Selects entries of one bank; searches and models are prepared on first use."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._candidates = options.candidates
        self._successors = bank.thumbnails[find_successors(bank)]
        # By whether the phone embedding counts, which depends on the wanted mouths.
        self._searches: dict[bool, tuple[CandidateSearch, BankModel | None]] = {}
        usable = np.flatnonzero(bank.quality > 0)
        modeled = options.regression and options.warp and options.candidates > 1
        # Space of the shape-free pictures; None: there is no model.
        self.space: ShapeSpace | None = None
        if modeled and len(usable) >= MIN_ENTRIES:
            places = np.linspace(0, len(usable) - 1, min(len(usable), MAX_ENTRIES))
            self._modeled = usable[places.round().astype(np.int64)]
            self.space = ShapeSpace.of(bank)

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
        search, model = self._search(heard and self._bank.phones is not None)
        with single_threaded_blas():
            found = [search.find_nearest(one) for one in descriptors]
            entries = np.stack([f[0] for f in found])
            costs = np.stack([f[2] for f in found])
            path = find_smoothest_path(entries, costs, self._bank.thumbnails, self._successors)
            picks = entries[np.arange(len(entries)), path]
            scores: list[F32 | None] = [None] * len(descriptors)
            openings = np.zeros((len(descriptors), 0), np.int64)
            if model is not None:
                predicted = model.appearance.predict(descriptors)
                openings = around(model.opening.choose(model.look(predicted)), rate)
                scores = list(predicted)
        each = zip(found, around(picks, rate), scores, openings, strict=True)
        return [Selection(e, w, d, c, o) for (e, w, _), d, c, o in each]

    def prepare(self, heard: bool, cache: Cache) -> None:
        """Load the model from the cache, or fit it and keep it there."""
        self._search(heard and self._bank.phones is not None, cache)

    def model(self, heard: bool) -> BankModel | None:
        """The model, fitted on first use; None: disabled, or the bank is too small."""
        return self._search(heard and self._bank.phones is not None)[1]

    def adopt(self, heard: bool, model: BankModel | None) -> None:
        """Use a model that was fitted to the same bank with the same options."""
        heard = heard and self._bank.phones is not None
        search = CandidateSearch(self._bank, self._candidates, heard)
        self._searches[heard] = search, model

    def _search(
        self, heard: bool, cache: Cache | None = None
    ) -> tuple[CandidateSearch, BankModel | None]:
        if heard not in self._searches:
            search = CandidateSearch(self._bank, self._candidates, heard)
            model = None
            if self.space is not None:
                chosen = self._modeled
                given = self._bank, self.space, chosen, search.descriptors[chosen]
                model = fit_model(*given) if cache is None else load_or_fit(*given, cache)
            self._searches[heard] = search, model
        return self._searches[heard]


def around(picks: I64, rate: float) -> I64:
    """What was chosen for every frame (n,) and those around it, (n, len(DETAIL_WINDOW))."""
    reach, step = len(DETAIL_WINDOW) // 2, max(1, round(DETAIL_STEP_S * rate))
    places = np.arange(len(picks))[:, None] + step * np.arange(-reach, reach + 1)
    return np.asarray(picks[np.clip(places, 0, len(picks) - 1)])
