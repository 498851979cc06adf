"""Values kept in memory: made once, shared by threads, the oldest let go."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lipsync.runtime.cache import Cache
from lipsync.runtime.loaded import LoadedValues


def test_a_value_is_made_once_by_many_threads() -> None:
    loaded, made, all_in = LoadedValues(2), [], threading.Barrier(4)

    def make() -> object:
        made.append(threading.get_ident())
        return object()

    def ask() -> object:
        all_in.wait()
        return loaded.get("one", make)

    with ThreadPoolExecutor(4) as pool:
        found = {id(one.result()) for one in [pool.submit(ask) for _ in range(4)]}
    assert len(found) == len(made) == 1


def test_the_least_recently_used_goes_first() -> None:
    loaded = LoadedValues(2)
    first = loaded.get("a", list)
    loaded.get("b", list)
    assert loaded.get("a", list) is first
    loaded.get("c", list)
    assert len(loaded) == 2
    assert loaded.get("a", list) is first
    made = loaded.get("b", lambda: ["anew"])
    assert made == ["anew"]


def test_of_a_failure_nothing_is_kept() -> None:
    loaded = LoadedValues(2)

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loaded.get("a", fail)
    assert loaded.get("a", lambda: 3) == 3


def test_a_cache_reads_an_entry_once_until_it_is_made_anew(tmp_path: Path) -> None:
    loaded, reads = LoadedValues(4), []

    def make(folder: Path) -> None:
        (folder / "x").write_text("1")

    def read(folder: Path) -> list[str]:
        reads.append(folder)
        return [(folder / "x").read_text()]

    def load() -> list[str]:
        with Cache(tmp_path, loaded=loaded) as cache:
            return cache.load("kind", {"k": 1}, make, read, code="c")

    first = load()
    assert load() is first
    assert len(reads) == 1
    (reads[0] / "x").write_text("damaged")  # the entry is checked on disk, whatever is in memory
    assert load() == ["1"]
    assert len(reads) == 2
