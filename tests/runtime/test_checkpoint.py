"""Weights files: what goes in comes out; anything else is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lipsync.errors import WeightsError
from lipsync.runtime import checkpoint
from lipsync.runtime.hashing import hash_file

META = {"name": "tiny", "dims": {"hidden": 3}, "licence": "Apache-2.0"}


def test_round_trip(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor([1], dtype=torch.int64)}
    path = tmp_path / "new" / "w.safetensors"
    checkpoint.save(path, tensors, META)
    found, meta = checkpoint.load(path)
    assert meta == META
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    for name in ("1", "2"):
        checkpoint.save(tmp_path / name, {"a": torch.ones(3)}, META)
    assert hash_file(tmp_path / "1") == hash_file(tmp_path / "2")


def test_sha256_of_known_content(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, example B.1
    assert hash_file(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path / "w.safetensors", {"a": torch.ones(1)}, {"x": object()})
    assert not list(tmp_path.iterdir())


def damaged(path: Path) -> None:
    checkpoint.save(path, {"a": torch.ones(100)}, META)
    path.write_bytes(path.read_bytes()[:-50])


def foreign(path: Path) -> None:
    save_file({"a": torch.ones(1)}, path)


def text(path: Path) -> None:
    path.write_text("hello")


@pytest.mark.parametrize(
    ("make", "message"),
    [(damaged, "damaged"), (foreign, "description"), (text, "damaged"), (None, "no such")],
)
def test_what_is_not_ours_is_refused_in_one_line(tmp_path: Path, make, message: str) -> None:
    path = tmp_path / "w.safetensors"
    if make is not None:
        make(path)
    with pytest.raises(WeightsError, match=message) as error:
        checkpoint.load(path)
    assert "\n" not in str(error.value)


def test_assets() -> None:
    assert checkpoint.asset_path("face_landmarker.task").stat().st_size == 3758596
    with pytest.raises(WeightsError, match="missing from this installation"):
        checkpoint.asset_path("no_such.safetensors")
