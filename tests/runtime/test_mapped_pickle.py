"""Pickles of mapped arrays: their place is sent, not what is in it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from lipsync.runtime.mapped_pickle import dump_mapped


def test_what_lies_in_a_mapped_file_is_found_there_again(tmp_path: Path) -> None:
    values = np.arange(600_000, dtype=np.int32).reshape(100, 60, 100)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    parts = {
        "whole": mapped,
        "plain": np.asarray(mapped),
        "rows": mapped[40:70],
        "row": np.asarray(mapped)[5],
        "columns": mapped[:, 3:5, ::2],  # not in one piece: copied
        "memory": values[:2].copy(),
    }
    sent = dump_mapped(parts)
    assert len(sent) < values[:2].nbytes + mapped[:, 3:5, ::2].nbytes + 2000
    found = pickle.loads(sent)  # noqa: S301
    for name, part in parts.items():
        assert np.array_equal(found[name], part), name
    # The very file, not a copy of it.
    changed = np.load(tmp_path / "values.npy", mmap_mode="r+")
    changed[50] = -1
    changed.flush()
    assert (found["rows"][10] == -1).all()


def test_a_map_that_its_owner_writes_to_is_copied(tmp_path: Path) -> None:
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (4, 5))
    mapped[:] = 2
    found = pickle.loads(dump_mapped(mapped))  # noqa: S301
    mapped[:] = 3
    assert (found == 2).all()
