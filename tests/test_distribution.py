"""Wheel and sdist: what is in them, and a new user's environment that has nothing but the wheel."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
import soundfile

from lipsync import media
from lipsync._version import __version__

REPO = Path(__file__).resolve().parents[1]
COMMIT = "0123abc"
NAME = f"lipsync_render-{__version__}"
FILES = (
    ".gitattributes", "CHANGELOG.md", "CITATION.cff", "LICENSE", "MANIFEST.in", "README.md",
    "SECURITY.md", "pyproject.toml", "setup.py",
)  # fmt: skip
FOLDERS = ("assets", "bench", "configs", "lipsync", "man", "scripts", "tests", "training")
# What lies about in a clone that is worked in.
LITTER = (
    "lipsync/__pycache__/errors.cpython-311.pyc", "lipsync/cli/.DS_Store", "assets/.cache/x",
    "shared/data/person.mp4", "person.mp4", "runs/light/light.safetensors", "tests/own.mp4",
    ".venv/bin/python", "demo-output/demo.mp4", "faces/anna/faces.zip",
)  # fmt: skip
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Built:
    """What a build gave, and the checkout it was built from."""

    checkout: Path
    sdist: Path
    wheel: Path


def build(out: Path, *words: str | Path, **environment: str) -> list[Path]:
    """Build with the tools of this environment; what is new in `out`."""
    before = set(out.glob("*"))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, *words]
    known = {**os.environ, **environment}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=known)
    assert run.returncode == 0, run.stdout + run.stderr
    return sorted(set(out.glob("*")) - before)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel from it, of a checkout with litter in it."""
    pytest.importorskip("build")
    pytest.importorskip("setuptools", "77")
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPO / name, copy / name, ignore=ignored)
    for name in FILES:
        shutil.copy(REPO / name, copy)
    for name in LITTER:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("litter")
    wheel, sdist = sorted(build(out, copy, LIPSYNC_COMMIT=COMMIT), key=lambda path: path.suffix)[
        ::-1
    ]
    assert (copy / "lipsync" / "_commit.txt").read_text() == "$Format:%h$\n", "built in the sources"
    return Built(copy, sdist, wheel)


def packed(wheel: Path) -> dict[str, str]:
    """Name → SHA-256 of every file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())


def package_files() -> set[str]:
    """What the wheel's package is made of: all files of lipsync/, and the assets."""
    own = [path for path in (REPO / "lipsync").rglob("*") if path.is_file()]
    names = {path.relative_to(REPO).as_posix() for path in own if "__pycache__" not in path.parts}
    assets = [path for path in (REPO / "assets").rglob("*") if path.is_file()]
    names |= {f"lipsync/{path.relative_to(REPO).as_posix()}" for path in assets}
    return {name for name in names if not Path(name).name.startswith(".")}


def test_the_wheel_holds_the_package_its_assets_and_nothing_else(built: Built) -> None:
    names = set(packed(built.wheel))
    inside = {name for name in names if name.startswith("lipsync/")}
    assert inside == package_files()
    rest = {name.removeprefix(NAME) for name in names - inside}
    assert rest == {
        ".dist-info/METADATA", ".dist-info/RECORD", ".dist-info/WHEEL",
        ".dist-info/entry_points.txt", ".dist-info/licenses/LICENSE", ".dist-info/top_level.txt",
        ".data/data/share/man/man1/lipsync.1",
    }  # fmt: skip
    assert {"lipsync/py.typed", "lipsync/assets/sample/target.mp4"} <= inside
    with zipfile.ZipFile(built.wheel) as archive:
        assert archive.read("lipsync/_commit.txt").decode().strip() == COMMIT


def test_the_wheel_is_for_every_system_and_says_its_licenses(built: Built) -> None:
    assert built.wheel.name == f"{NAME}-py3-none-any.whl"
    told = metadata(built.wheel)
    assert told["Name"] == "lipsync-render"
    assert told["Version"] == __version__
    assert told["License-Expression"] == "Apache-2.0"
    assert told.get_all("License-File") == ["LICENSE"]
    with zipfile.ZipFile(built.wheel) as archive:
        table = archive.read("lipsync/assets/README.md").decode()
        license_text = archive.read(f"{NAME}.dist-info/licenses/LICENSE").decode()
    assert license_text == (REPO / "LICENSE").read_text()
    for license_name in ("MIT License", "BSD", "CC BY 4.0", "Apache License 2.0"):
        assert license_name in table, "the licenses of what is bundled"


def test_the_sdist_holds_what_the_wheel_is_built_from_and_no_more(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {one.name.removeprefix(f"{NAME}/") for one in archive if one.isfile()}
        commit = archive.extractfile(f"{NAME}/lipsync/_commit.txt")
        assert commit is not None
        assert commit.read().decode().strip() == COMMIT
    generated = {name for name in names if name.startswith("lipsync_render.egg-info/")}
    code = {name.replace("lipsync/assets/", "assets/") for name in package_files()}
    around = {*FILES, "PKG-INFO", "setup.cfg", "man/lipsync.1"} - {".gitattributes"}
    assert names - generated == code | around


def test_the_wheel_of_the_sdist_is_that_of_the_checkout(built: Built, tmp_path: Path) -> None:
    (direct,) = build(tmp_path, "--wheel", built.checkout, LIPSYNC_COMMIT=COMMIT)
    assert packed(direct) == packed(built.wheel)


def test_sizes_are_those_of_the_readme(built: Built) -> None:
    text = " ".join((REPO / "README.md").read_text().split())
    found = re.search(r"wheel has ([\d.]+) MB, the sdist ([\d.]+) MB", text)
    assert found is not None
    for stated, file in ((found[1], built.wheel), (found[2], built.sdist)):
        assert float(stated) == pytest.approx(file.stat().st_size / 1e6, rel=0.02), file.name


@pytest.fixture(scope="module")
def place(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel; dependencies are those of this one, by a path."""
    place = tmp_path_factory.mktemp("user") / "environment"
    venv.create(place, with_pip=False, symlinks=os.name != "nt")
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    options = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
    install = [sys.executable, "-m", "pip", "--python", python, "install", *options, built.wheel]
    subprocess.run(install, check=True)
    (site,) = place.rglob("site-packages")
    # A path alone: the .pth files that lie there, as that of a clone, are not read.
    ours = sysconfig.get_path("purelib")
    (site / "dependencies.pth").write_text(f"{ours}\n", "utf-8")
    return place


def use(place: Path, *words: object, cwd: Path, code: int = 0) -> str:
    """What a program of the environment prints, run in another folder than the checkout."""
    program, *rest = map(str, words)
    folder = place / ("Scripts" if os.name == "nt" else "bin")
    clean = {key: value for key, value in os.environ.items() if key[:6] != "PYTHON"}
    run = subprocess.run(
        [folder / program, *rest], capture_output=True, text=True, check=False, cwd=cwd, env=clean
    )
    assert run.returncode == code, run.stdout + run.stderr
    return run.stdout


def test_the_version_names_the_commit_of_the_build(place: Path, tmp_path: Path) -> None:
    assert use(place, "lipsync", "--version", cwd=tmp_path).strip() == (
        f"lipsync {__version__} ({COMMIT})"
    )
    assert (place / "share" / "man" / "man1" / "lipsync.1").is_file()


def test_the_demo_needs_no_arguments(place: Path, tmp_path: Path) -> None:
    told = use(place, "lipsync", "demo", cwd=tmp_path)
    assert "Watch the video with its sound" in told
    video = tmp_path / "lipsync-demo" / "demo.mp4"
    speech = soundfile.info(REPO / "assets" / "sample" / "speech.wav")
    assert media.probe(video).frame_count == round(speech.duration * 25)
    assert {path.name for path in video.parent.iterdir()} == {
        "demo.mp4", "demo.mp4.json", "demo.png"
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["lipsync-demo"]


def test_the_doctor_finds_the_package_complete(place: Path, tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if key[:6] != "PYTHON"}
    folder = place / ("Scripts" if os.name == "nt" else "bin")
    run = subprocess.run(  # its exit code depends on this machine's disks
        [folder / "lipsync", "doctor", "--json", "--no-timing"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=clean,
    )  # fmt: skip
    checks = {one["name"]: one for one in json.loads(run.stdout)["checks"]}
    assert checks["lipsync"]["found"] == f"{__version__} ({COMMIT})"
    assert str(place) in checks["weights"]["found"]
    for name in ("lipsync", "weights", "ffmpeg", "torch", "mediapipe"):
        assert checks[name]["remedy"] is None, checks[name]


def test_the_python_interface_works_away_from_the_clone(place: Path, tmp_path: Path) -> None:
    samples, rate = soundfile.read(REPO / "assets" / "sample" / "speech.wav")
    soundfile.write(tmp_path / "speech.wav", samples[:rate], rate)
    shutil.copy(REPO / "assets" / "sample" / "target.mp4", tmp_path)
    code = (
        "import json, os, sys, lipsync\n"
        "result = lipsync.render('speech.wav', 'target.mp4', 'out.mp4', options={'crf': 20})\n"
        "path = [os.path.realpath(one) for one in sys.path]\n"
        "print(json.dumps([lipsync.__file__, path, result.frames]))"
    )
    file, path, frames = json.loads(use(place, "python", "-c", code, cwd=tmp_path))
    assert Path(file).is_relative_to(place)
    assert str(REPO) not in path
    assert frames == 25
    assert (tmp_path / "out.mp4").stat().st_size > 0
