"""What is shipped is what is described: assets, options, packages, versions."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import av
import numpy as np
import pytest

import lipsync
from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.runtime.commit import describe_version

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
        from assets_table import refresh_table
    finally:
        sys.path.remove(str(REPO / "scripts"))
    (tmp_path / "a.bin").write_bytes(b"abc")
    text = refresh_table("| `a.bin` | 1 | `0` |", tmp_path)
    assert text == (
        "| `a.bin` | 3 | `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad` |"
    )
    (tmp_path / "b.bin").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"no row for \['b.bin'\]"):
        refresh_table(text, tmp_path)


def test_every_package_is_shipped() -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    there = {
        ".".join(path.parent.relative_to(REPO).parts)
        for path in (REPO / "lipsync").rglob("__init__.py")
    }
    assert listed - {"lipsync.assets"} == there


@pytest.mark.slow
def test_the_package_runs_as_a_module() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "lipsync", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"lipsync {describe_version()}"


def test_every_import_of_the_package_is_a_declared_dependency() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    used = (line for extra in ("fan", "ray", "serve", "store", "ui") for line in extras[extra])
    lines = [*PROJECT["project"]["dependencies"], *used]
    declared = {re.split(r"[<>=\[]", line)[0].lower().replace("_", "-") for line in lines}
    homes = packages_distributions()
    for path in (REPO / "lipsync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                tops = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                tops = {str(node.module).split(".")[0]}
            else:
                continue
            for top in tops - {"lipsync", *sys.stdlib_module_names}:
                names = {name.lower().replace("_", "-") for name in homes.get(top, [top])}
                assert names & declared, f"{path}: {top} is not in pyproject.toml"


def test_the_weights_are_found_and_shipped() -> None:
    from lipsync.runtime.checkpoint import asset_path

    patterns = PROJECT["tool"]["setuptools"]["package-data"]["lipsync.assets"]
    models = ("face_landmarker.task", "hand_landmarker.task")
    for name in (*models, "lip_lstm.safetensors", "lip_lstm_paper.safetensors"):
        assert asset_path(name).stat().st_size > 10_000
        assert any(Path(name).match(pattern) for pattern in patterns)


def test_the_changelog_knows_this_version() -> None:
    versions = re.findall(r"^## \[(\d[^\]]*)\]", (REPO / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == lipsync.__version__
    assert f"\nversion: {lipsync.__version__}\n" in (REPO / "CITATION.cff").read_text()


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
    lips = TrackedFace.of(track).lips
    # Outer-eye distances: shut for its closures, open for its vowels, narrow for its oo.
    shut, wide_open = np.percentile(lips.opening, [5, 95])
    assert shut < 0.01
    assert wide_open > 0.09
    narrow, broad = np.percentile(lips.width, [5, 95])
    assert broad - narrow > 0.04


@pytest.mark.parametrize("script", ["build", "check", "demo", "docs", "test", "venv"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    path = REPO / "scripts" / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", path], check=True)
