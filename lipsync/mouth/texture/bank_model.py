"""What is learned from all mouths of a bank: fitted once, kept in the cache, mapped from there.

Fitting takes seconds and is the same for every speech that the person is given. The arrays are
files that are mapped, not read: processes that draw side by side share them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lipsync.mouth.texture.appearance_model import (
    AppearanceModel,
    LinearLook,
    Regression,
    fill_covered,
)
from lipsync.mouth.texture.light import light_gains
from lipsync.mouth.texture.opening import Opening
from lipsync.mouth.texture.shape_space import ShapeSpace
from lipsync.mouth.texture.shared_detail import SharedDetail
from lipsync.runtime.cache import Cache
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.hashing import hash_array
from lipsync.types import F32, I64, MouthBank

MAPPED_BYTES = 1 << 20  # of an array from which it is mapped
PIXELS_OF = 16  # entries, spread evenly, whose pixels are in the key: shapes alone are not pictures


@dataclass(frozen=True, eq=False)
class BankModel:
    """A model of whole mouths, and of what shows between their lips."""

    appearance: AppearanceModel
    opening: Opening
    details: SharedDetail
    look: LinearLook  # components (n, r) → looks (n, q) of their openings

    @staticmethod
    def of(appearance: AppearanceModel, opening: Opening, details: SharedDetail) -> BankModel:
        """Put the parts together."""
        return BankModel(appearance, opening, details, appearance.map_linearly(opening.look))


def fit_model(bank: MouthBank, space: ShapeSpace, entries: I64, descriptors: F32) -> BankModel:
    """Fit the model to entries (m,) of a bank, ascending; `descriptors` (m, d) of them."""
    gains = light_gains(bank, entries, bank.usual_skin_color)
    pictures = space.warp(bank, entries)
    if bank.valid is not None:
        pictures = fill_covered(pictures, bank.valid[entries])
    place = np.full(len(bank), -1)
    place[entries] = np.arange(len(entries))
    following = place[find_successors(bank)[entries]]
    following = np.where(following < 0, np.arange(len(entries)), following)
    return BankModel.of(
        AppearanceModel.fit(descriptors, pictures, gains),
        Opening.of(space, pictures, gains, following),
        SharedDetail.of(bank, entries, pictures),
    )


def load_or_fit(
    bank: MouthBank, space: ShapeSpace, entries: I64, descriptors: F32, cache: Cache
) -> BankModel:
    """`fit_model`, or what it gave before."""
    some = np.linspace(0, len(bank) - 1, min(len(bank), PIXELS_OF)).astype(np.int64)
    arrays = {one.name: getattr(bank, one.name) for one in fields(bank)}
    arrays |= {"pixels": bank.crops[some], "chosen": entries, "descriptors": descriptors}
    key = {
        name: hash_array(value)
        for name, value in arrays.items()
        if isinstance(value, np.ndarray) and name != "crops"
    }

    def make(folder: Path) -> None:
        save_model(fit_model(bank, space, entries, descriptors), folder)

    return cache.load("model", key, make, load_model, code=digest_code(__name__))


def save_model(model: BankModel, folder: Path) -> None:
    """Write a model's arrays, each a file.

    Raises:
        OSError: they cannot be written.
    """
    appearance = vars(model.appearance) | {"regression": None}
    parts = {
        "appearance": appearance,
        "regression": asdict(model.appearance.regression),
        "opening": vars(model.opening) | {"box": [(s.start, s.stop) for s in model.opening.box]},
        "details": vars(model.details),
    }
    for part, values in parts.items():
        for name, value in values.items():
            if value is not None:
                np.save(folder / f"{part}-{name}.npy", np.asarray(value), allow_pickle=False)


def load_model(folder: Path) -> BankModel:
    """Read what `save_model` wrote; large arrays are mapped."""
    found: dict[str, dict[str, Any]] = {}
    for path in folder.glob("*.npy"):
        part, name = path.stem.split("-")
        large = path.stat().st_size >= MAPPED_BYTES
        array = np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
        found.setdefault(part, {})[name] = array if array.ndim else array.item()
    regression = Regression(**found["regression"])
    appearance, opening = found["appearance"], found["opening"]
    appearance |= {"shape": tuple(appearance["shape"].tolist()), "regression": regression}
    opening["box"] = tuple(slice(*one) for one in opening["box"].tolist())
    return BankModel.of(
        AppearanceModel(**appearance), Opening(**opening), SharedDetail(**found["details"])
    )


def find_successors(bank: MouthBank) -> I64:
    """Entry that followed each entry in the footage, (m,); itself where none follows directly."""
    following = np.minimum(np.arange(len(bank)) + 1, len(bank) - 1)
    joined = (bank.frames[following] == bank.frames + 1) & (bank.shots[following] == bank.shots)
    return np.where(joined, following, np.arange(len(bank))).astype(np.int64)
