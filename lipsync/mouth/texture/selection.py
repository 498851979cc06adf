"""Selection of the bank entries that each wanted mouth is made from.

For every frame: the nearest entries and their weights, the entries that provide single-frame detail
(chosen over the whole run for temporal continuity), and what the appearance model predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lipsync.mouth.texture.appearance_model import (
    MAX_ENTRIES,
    MIN_ENTRIES,
    AppearanceModel,
    fill_covered,
)
from lipsync.mouth.texture.candidates import CandidateSearch, MouthSequence, compute_descriptors
from lipsync.mouth.texture.continuity import find_smoothest_path
from lipsync.mouth.texture.detail import DETAIL_STEP_S, DETAIL_WINDOW
from lipsync.mouth.texture.opening import Opening
from lipsync.mouth.texture.shape_space import ShapeSpace
from lipsync.mouth.texture.shared_detail import SharedDetail
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
    scores: F32 | None  # (r,), components from `AppearanceModel.predict`; None: there is no model
    openings: I64  # (len(DETAIL_WINDOW),), mouths of the `Opening`; without a model none


@dataclass(frozen=True, eq=False)
class Modeled:
    """A model of whole mouths, and of what shows between their lips."""

    appearance: AppearanceModel
    opening: Opening
    details: SharedDetail
    look: Callable[[F32], F32]  # components (n, r) → looks (n, q) of their openings


class CandidateSelector:
    """Selects entries of one bank; searches and models are prepared on first use."""

    def __init__(self, bank: MouthBank, options: TextureOptions) -> None:
        self._bank = bank
        self._candidates = options.candidates
        self._successors = bank.thumbnails[find_successors(bank)]
        # By whether the phone embedding counts, which depends on the wanted mouths.
        self._searches: dict[bool, tuple[CandidateSearch, Modeled | None]] = {}
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

    def model(self, heard: bool) -> Modeled | None:
        """The model, fitted on first use; None: disabled, or the bank is too small."""
        return self._search(heard and self._bank.phones is not None)[1]

    def _search(self, heard: bool) -> tuple[CandidateSearch, Modeled | None]:
        if heard not in self._searches:
            search = CandidateSearch(self._bank, self._candidates, heard)
            self._searches[heard] = search, self._fit(search)
        return self._searches[heard]

    def _fit(self, search: CandidateSearch) -> Modeled | None:
        """Fit the model; None: there is none."""
        if self.space is None:
            return None
        bank, entries = self._bank, self._modeled
        gains = light_gains(bank, entries, bank.usual_skin_color)
        pictures = self.space.warp(bank, entries)
        if bank.valid is not None:
            pictures = fill_covered(pictures, bank.valid[entries])
        appearance = AppearanceModel(search.descriptors[entries], pictures, gains)
        place = np.full(len(bank), -1)
        place[entries] = np.arange(len(entries))
        following = place[find_successors(bank)[entries]]
        following = np.where(following < 0, np.arange(len(entries)), following)
        opening = Opening.of(self.space, pictures, gains, following)
        details = SharedDetail.of(bank, entries, pictures)
        return Modeled(appearance, opening, details, appearance.map_linearly(opening.look))


def around(picks: I64, rate: float) -> I64:
    """What was chosen for every frame (n,) and those around it, (n, len(DETAIL_WINDOW))."""
    reach, step = len(DETAIL_WINDOW) // 2, max(1, round(DETAIL_STEP_S * rate))
    places = np.arange(len(picks))[:, None] + step * np.arange(-reach, reach + 1)
    return np.asarray(picks[np.clip(places, 0, len(picks) - 1)])


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
