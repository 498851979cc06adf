from __future__ import annotations

from pathlib import Path

import pytest

from lipsync.runtime.cache import Cache
from lipsync.runtime.hashing import hash_file


def filler(calls: list[str], text: str = "x"):  # type: ignore[no-untyped-def]
    def make(folder: Path) -> None:
        calls.append(text)
        (folder / "entry").write_text(text)

    return make


def test_an_entry_is_made_once_per_key(tmp_path: Path) -> None:
    calls: list[str] = []
    with Cache(tmp_path) as cache:
        for key in ({"a": 1}, {"a": 1}, {"a": 2}):
            folder = cache.folder("track", key, filler(calls, str(key["a"])), code="1")
            assert (folder / "entry").read_text() == str(key["a"])
    assert calls == ["1", "2"]


def test_an_entry_made_by_other_code_is_made_again(tmp_path: Path) -> None:
    calls: list[str] = []
    with Cache(tmp_path) as cache:
        for code in ("before", "after", "after"):
            cache.folder("track", {"a": 1}, filler(calls, code), code=code)
    assert calls == ["before", "after"]


def test_a_failed_entry_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("stopped")

    with Cache(tmp_path) as cache:
        with pytest.raises(RuntimeError):
            cache.folder("bank", {"a": 1}, fail, code="1")
        assert not list((tmp_path / "bank").iterdir())
        calls: list[str] = []
        cache.folder("bank", {"a": 1}, filler(calls), code="1")
        assert calls == ["x"]


def test_a_temporary_cache_goes_with_its_owner(tmp_path: Path) -> None:
    with Cache(None) as cache:
        folder = cache.folder("track", {}, filler([]), code="1")
        assert folder.is_dir()
    assert not cache.root.exists()


def test_the_users_cache_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.default_root() == tmp_path / "lipsync"


def test_file_hashes_are_sha256(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert hash_file(file) == known
