"""`lipsync cache`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lipsync.cli.app import main
from lipsync.runtime.cache import Cache


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of three entries of a kilobyte each."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with Cache(Cache.default_root()) as cache:
        for kind, key in (("faces", 1), ("faces", 2), ("bank", 1)):
            cache.folder(kind, {"n": key}, fill, code="1")
    return Cache.default_root()


def fill(folder: Path) -> None:
    (folder / "data").write_bytes(bytes(1000))


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["cache", *arguments])
        raise SystemExit(0)
    return int(stop.value.code or 0)


def test_info(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(root)
    assert lines[1].endswith("are free")
    assert "3 entries" in lines[1]
    assert [line.split()[0] for line in lines[2:]] == ["faces", "bank"]
    assert run("info", "--json") == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["root"], info["entries"], info["writable"]) == (str(root), 3, True)
    assert {kind["kind"]: kind["entries"] for kind in info["kinds"]} == {"faces": 2, "bank": 1}


def test_prune(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prune", "--cache-size", "1G", "--json") == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 0
    assert run("prune", "--cache-size", "2k") == 0
    assert capsys.readouterr().out.startswith("removed 2 entries, ")
    assert len(list(root.rglob("data"))) == 1


def test_clear(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Cache(root) as cache:
        cache.folder("faces", {"n": 1}, fill, code="1")
        assert run("clear") == 0
    assert "1 entry in use stayed" in capsys.readouterr().out
    assert run("clear", "--json") == 0
    assert json.loads(capsys.readouterr().out)["entries"] == 0


@pytest.mark.parametrize("size", ["20", "much", "-1G"])
def test_a_size_without_sense_is_one_line(
    size: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("prune", f"--cache-size={size}") == 2
    assert "500M or 20G" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["render", "-a", "x", "-v", "y", f"--cache-size={size}"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "500M or 20G" in line
    assert len(list(root.rglob("data"))) == 3


def test_no_cache_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nowhere"))
    for command in ("info", "prune", "clear"):
        assert run(command) == 0
    assert not (tmp_path / "nowhere").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/x")
    assert run("info") == 0
    assert "cannot be written" in capsys.readouterr().out
