"""What is shipped is what is described: assets, options, packages, versions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.face import landmarks, tracked_face

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

REPO = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())


def test_the_asset_table_fits_the_files() -> None:
    run = subprocess.run(
        [sys.executable, REPO / "scripts" / "assets_table.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_a_changed_asset_and_a_stray_one_are_noticed(tmp_path: Path) -> None:
    sys.path.insert(0, str(REPO / "scripts"))
    try:
        from assets_table import refreshed
    finally:
        sys.path.remove(str(REPO / "scripts"))
    (tmp_path / "a.bin").write_bytes(b"abc")
    text = refreshed("| `a.bin` | 1 | `0` |", tmp_path)
    assert text == (
        "| `a.bin` | 3 | `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad` |"
    )
    (tmp_path / "b.bin").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"no row for \['b.bin'\]"):
        refreshed(text, tmp_path)


def test_every_package_is_shipped() -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    there = {
        ".".join(path.parent.relative_to(REPO).parts)
        for path in (REPO / "lipsync").rglob("__init__.py")
    }
    assert listed - {"lipsync.assets"} == there


def test_the_weights_are_found_and_shipped() -> None:
    from lipsync.runtime.checkpoint import asset

    patterns = PROJECT["tool"]["setuptools"]["package-data"]["lipsync.assets"]
    for name in ("face_landmarker.task", "lip_lstm.safetensors", "lip_lstm_paper.safetensors"):
        assert asset(name).stat().st_size > 10_000
        assert any(Path(name).match(pattern) for pattern in patterns)


def test_the_changelog_knows_this_version() -> None:
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (REPO / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == lipsync.__version__


def test_the_readme_tells_the_true_defaults() -> None:
    from lipsync import RenderOptions

    options = RenderOptions().flat()
    rows = re.findall(
        r"^\| `(\w+)` \| `([^`]*)` \|", (REPO / "README.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 5
    for name, default in rows:
        assert str(options[name]) == default, name


def test_the_readme_links_lead_somewhere() -> None:
    for page in (REPO / "README.md", *(REPO / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_sample_is_small_and_says_what_it_is() -> None:
    sample = REPO / "assets" / "sample"
    assert sum(file.stat().st_size for file in sample.iterdir()) <= 5_000_000
    with av.open(str(sample / "target.mp4")) as file:
        comment = file.metadata["comment"]
        assert "Not a recording" in comment
        assert "synthetic" in comment
        assert float(file.duration / av.time_base) > 8
        assert file.streams.video[0].average_rate == 25
        assert file.streams.audio


@pytest.mark.slow
def test_the_sample_shows_one_face_with_many_mouths() -> None:
    from lipsync.runtime.cache import Cache

    info = media.probe(REPO / "assets" / "sample" / "target.mp4")
    with Cache(Cache.default_root()) as cache:
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
    assert track.found.all()
    assert len(track.cuts) == 0
    lips = tracked_face.lips(track, tracked_face.align(track))
    # Outer-eye distances: shut for its closures, open for its vowels, narrow for its oo.
    shut, wide_open = np.percentile(lips.opening, [5, 95])
    assert shut < 0.01
    assert wide_open > 0.09
    narrow, broad = np.percentile(lips.width, [5, 95])
    assert broad - narrow > 0.04


@pytest.mark.parametrize("script", ["demo", "test", "check", "venv"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    path = REPO / "scripts" / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)
