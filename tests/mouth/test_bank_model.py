"""What is learned of a bank: the same from the cache as fitted here, and as sent elsewhere."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync.mouth.texture import bank_model
from lipsync.mouth.texture.median import MedianTexture
from lipsync.mouth.texture.source import TextureOptions
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.runtime.mapped_pickle import dump_mapped
from lipsync.types import MouthBank
from tests.mouth.test_texture import talking, wanted_mouths

__all__ = ["talking"]


def _draw(source: MedianTexture, wanted: WantedMouths) -> list[np.ndarray]:
    return [patch.rgb for patch in source.draw_patches(wanted) if patch is not None]


def _same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) > 0 and all(map(np.array_equal, one, other))


def test_a_model_from_the_cache_draws_what_one_fitted_here_draws(
    talking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_model, "MAPPED_BYTES", 4096)  # small arrays are mapped as well
    face, bank = talking
    wanted = wanted_mouths(face, [0.0, 0.4, 0.8, 0.2], [3, 4, 5, 6])
    fitted = MedianTexture(bank, TextureOptions())
    assert fitted._selector.model(False) is not None
    expected = _draw(fitted, wanted)
    with Cache(tmp_path) as cache:
        for _ in range(2):
            source = MedianTexture(bank, TextureOptions())
            source.prepare(wanted.heard, cache)
            assert _same(_draw(source, wanted), expected)
            monkeypatch.setattr(bank_model, "fit_model", None)  # not again
        there = pickle.loads(dump_mapped(source))  # noqa: S301
        again = pickle.loads(dump_mapped(wanted))  # noqa: S301
        assert _same(_draw(there, again), expected)


def test_a_model_that_cannot_be_read_is_fitted_again(talking, tmp_path: Path) -> None:
    face, bank = talking
    wanted = wanted_mouths(face, [0.3, 0.5], [3, 4])
    with Cache(tmp_path) as cache:
        MedianTexture(bank, TextureOptions()).prepare(wanted.heard, cache)
    (mean,) = tmp_path.glob("model/*/appearance-mean.npy")
    mean.write_bytes(mean.read_bytes()[:100])
    with Cache(tmp_path) as cache:
        source = MedianTexture(bank, TextureOptions())
        source.prepare(wanted.heard, cache)
        assert _same(_draw(source, wanted), _draw(MedianTexture(bank, TextureOptions()), wanted))
        assert any("made anew" in line for line in cache.take_warnings())


@pytest.mark.parametrize("name", ["crops", "quality", "lips"])
def test_another_bank_has_another_model(talking, tmp_path: Path, name: str) -> None:
    face, bank = talking
    wanted = wanted_mouths(face, [0.3, 0.5], [3, 4])
    changed = getattr(bank, name).copy()
    changed[0] = changed[0] // 2
    other: MouthBank = replace(bank, **{name: changed})
    with Cache(tmp_path) as cache:
        for one in (bank, other):
            MedianTexture(one, TextureOptions()).prepare(wanted.heard, cache)
        assert len(list((tmp_path / "model").iterdir())) == 2
