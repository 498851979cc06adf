"""Frozen values: what comes back is what was written, and nothing else is believed."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipsync.options import RenderOptions
from lipsync.runtime.frozen import ARRAYS, VALUES, FrozenError, freeze, thaw
from lipsync.types import LipTrack, Speaker, Timing, VideoInfo


def _there_and_back(value: Any, folder: Path) -> Any:
    folder.mkdir(exist_ok=True)
    freeze(value, folder)
    return thaw(folder)


def test_plain_values_come_back_with_their_types(tmp_path: Path) -> None:
    value = {
        "none": None, "true": True, "int": 7, "float": 0.1, "text": "é\udcff\n",
        "list": [1, (2.5, "x"), {3}, frozenset({4})], "path": Path("a/b"), 5: Fraction(30000, 1001),
        "range": range(3, 9, 2), "slice": slice(1, None), "scalar": np.float32(0.1),
        "nan": float("nan"),
    }  # fmt: skip
    found = _there_and_back(value, tmp_path)
    assert found.pop("nan") != value.pop("nan")  # a NaN is like nothing
    assert found == value
    assert isinstance(found["scalar"], np.float32)


def test_arrays_are_equal_bit_for_bit_and_large_ones_mapped(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    large = chance.integers(0, 255, (7, 400, 400, 3), np.uint8)
    arrays = [large, large[::2, 1:], np.array([[np.nan, -0.0]]), np.zeros((0, 3), np.int64),
              np.array(3.5), np.array([True, False])]  # fmt: skip
    found = _there_and_back(arrays, tmp_path)
    for one, other in zip(arrays, found, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    assert not found[0].flags.writeable and found[2].flags.writeable
    assert (tmp_path / ARRAYS).stat().st_size < 1.6 * large.nbytes


def test_one_thing_that_occurs_twice_is_one_thing_again(tmp_path: Path) -> None:
    points = np.zeros((4, 18, 2), np.float32)
    track = LipTrack(points, Fraction(25))
    first, second, array = _there_and_back((track, [track], points), tmp_path)
    assert first is second[0] and first.points is array
    assert isinstance(first, LipTrack) and first.rate == 25


def test_values_of_the_program_come_back(tmp_path: Path) -> None:
    info = VideoInfo(Path("/v.mp4"), 1280, 720, Fraction(25), 99, stamps=(Fraction(0), Fraction(1)))
    info.damage.replaced.add(3)
    options = RenderOptions.of(candidates=3, reference=("a.mp4",), crf=18)
    timing = Timing.at(np.array([0.0, 0.5]))
    found = _there_and_back((info, options, timing, Speaker("ANNA", Path("a.wav"))), tmp_path)
    assert found[0] == info and found[0].damage.replaced == {3}
    assert found[1] == options
    assert found[2].position.tolist() == [0.0, 0.5]
    assert found[3] == Speaker("ANNA", Path("a.wav"))


def test_what_is_no_value_of_the_program_is_not_written(tmp_path: Path) -> None:
    for value in (object(), np.array([object()]), json.JSONDecoder(), len):
        with pytest.raises(TypeError, match="freeze"):
            freeze(value, tmp_path)


@pytest.mark.parametrize(
    "kind",
    [
        "os:system", "subprocess:Popen", "lipsync.errors:LipsyncError", "builtins:eval",
        "lipsync.runtime.frozen:freeze", "lipsync.runtime.frozen:Path", "lipsync.nowhere:X",
        "lipsync.types:VideoInfo", "lipsync.cli.app:main", "lipsync.__main__:X", "../x:Y",
    ],
)  # fmt: skip
def test_only_dataclasses_of_the_program_are_made(tmp_path: Path, kind: str) -> None:
    """Also not under a name under which another module knows them."""
    freeze(None, tmp_path)
    told = json.loads((tmp_path / VALUES).read_text())
    told |= {"objects": [{"type": kind, "fields": {}}], "value": {"object": 0}}
    (tmp_path / VALUES).write_text(json.dumps(told))
    with pytest.raises(FrozenError):
        thaw(tmp_path)


def test_damage_is_told_not_believed(tmp_path: Path) -> None:
    value = {"a": np.arange(1000), "b": Timing.at(np.array([1.0]))}
    freeze(value, tmp_path)
    whole = {name: (tmp_path / name).read_bytes() for name in (VALUES, ARRAYS)}
    chance = np.random.default_rng(1)
    told = 0
    for k in range(200):
        name = (VALUES, ARRAYS)[k % 2]
        data = bytearray(whole[name])
        if k % 3:
            data[int(chance.integers(len(data)))] ^= 1 << int(chance.integers(8))
        else:
            data = data[: int(chance.integers(len(data)))]
        (tmp_path / name).write_bytes(data)
        try:
            thaw(tmp_path)
        except FrozenError:
            told += 1
        (tmp_path / name).write_bytes(whole[name])
    assert told > 150  # a flipped bit of a text or a number is another text or number
    (tmp_path / ARRAYS).unlink()
    with pytest.raises(FrozenError, match="cannot be read"):
        thaw(tmp_path)


def test_deep_nesting_is_damage(tmp_path: Path) -> None:
    freeze(None, tmp_path)
    (tmp_path / VALUES).write_text("[" * 100_000)
    with pytest.raises(FrozenError):
        thaw(tmp_path)
