"""Room on a disk: reserved before it is needed, measured, parsed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from lipsync.runtime import disk_space
from lipsync.runtime.disk_space import (
    create_array,
    create_unnamed_array,
    disk_fault,
    format_size,
    free_bytes,
    parse_size,
)

BYTES = 8 << 20


def test_arrays_are_not_sparse(tmp_path: Path) -> None:
    """A sparse file would end the process with SIGBUS where the disk is full."""
    sparse = np.lib.format.open_memmap(tmp_path / "sparse.npy", "w+", np.uint8, (BYTES,))
    del sparse
    array = create_array(tmp_path / "a.npy", (4, BYTES // 4))
    assert not array.any()
    array[2] = 7
    array.flush()
    blocks = {name: (tmp_path / name).stat().st_blocks * 512 for name in ("sparse.npy", "a.npy")}
    assert blocks["sparse.npy"] < BYTES <= blocks["a.npy"]
    again = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert again.shape == (4, BYTES // 4)
    assert (again[2] == 7).all()
    assert not again[3].any()


def test_where_the_system_cannot_reserve_zeros_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    create_array(tmp_path / "a.npy", (3, BYTES // 3), np.uint8)
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= BYTES
    assert not np.load(tmp_path / "a.npy").any()


def test_a_disk_without_room_is_an_error_and_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    for make in (
        lambda: create_array(tmp_path / "a.npy", (10,)),
        lambda: create_unnamed_array(tmp_path, (10,)),
    ):
        with pytest.raises(OSError, match="No space left"):
            make()


def test_unnamed_arrays_leave_nothing(tmp_path: Path) -> None:
    array = create_unnamed_array(tmp_path, (2, 3), np.float32)
    array[1] = 2
    assert array.sum() == 6
    assert not list(tmp_path.iterdir())


def test_empty_arrays_need_no_room(tmp_path: Path) -> None:
    assert create_array(tmp_path / "a.npy", (0, 5, 3)).shape == (0, 5, 3)


@pytest.mark.parametrize(
    ("text", "size"),
    [("20G", 20e9), ("500M", 5e8), ("1.5 GiB", 1.5 * 2**30), ("1T", 1e12), ("0", 0), ("10kb", 1e4)],
)
def test_sizes_have_units(text: str, size: float) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["20", "1.5", "", "G", "-1G", "20X", "1e3", "nan", "twenty G"])
def test_sizes_without_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="500M or 20G"):
        parse_size(text)


def test_sizes_are_named_in_the_largest_unit() -> None:
    sizes = (0, 999, 1000, 1234567, 2e10, 3e12)
    assert [format_size(size) for size in sizes] == [
        "0 bytes", "999 bytes", "1 kB", "1.23 MB", "20 GB", "3 TB"
    ]  # fmt: skip


def test_a_disk_is_blamed_only_for_its_own_faults(tmp_path: Path) -> None:
    place = str(tmp_path / "part" / "crops.npy")
    assert disk_fault(OSError(errno.ENOSPC, "full"), tmp_path) == "full"
    assert disk_fault(FileNotFoundError(errno.ENOENT, "gone", place), tmp_path) == "gone"
    assert disk_fault(PermissionError(errno.EACCES, "no", "/elsewhere/input"), tmp_path) is None
    assert disk_fault(ValueError("wrong"), tmp_path) is None
    assert disk_fault(ValueError("wrong"), tmp_path / "nowhere") is not None


def test_room_is_that_of_the_nearest_folder(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
    assert disk_space.try_to_write(tmp_path) is None
    assert not list(tmp_path.iterdir())
