"""The Dockerfile: what it copies is there, what it installs fits, and it runs as nobody special."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

REPO = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())
FILE = REPO / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) in order, without comments, long lines joined."""
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def arguments(name: str) -> list[str]:
    return [given for instruction, given in instructions() if instruction == name]


def last_stage() -> dict[str, str]:
    """The last of each instruction after the last FROM."""
    stages = instructions()
    begins = max(i for i, (name, _) in enumerate(stages) if name == "FROM")
    return dict(stages[begins:])


def test_hadolint_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    program = str(beside) if beside.is_file() else shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed (extra dev, on Linux)")
    run = subprocess.run([program, FILE], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_it_copies_is_there_and_in_the_context() -> None:
    ignore = (REPO / ".dockerignore").read_text().splitlines()
    assert "*" in ignore, "nothing comes along unless it is named"
    sources = [
        source
        for given in arguments("COPY")
        if not given.startswith("--from")
        for source in given.split()[:-1]
    ]
    for source in sources:
        assert (REPO / source).exists()
        assert f"!{source}" in ignore
    project = PROJECT["project"]
    needed = {"pyproject.toml", "setup.py", "lipsync", project["readme"], *project["license-files"]}
    needed |= set(PROJECT["tool"]["setuptools"]["package-dir"].values())
    needed |= {
        file.split("/")[0]
        for files in PROJECT["tool"]["setuptools"]["data-files"].values()
        for file in files
    }
    assert needed == set(sources), "what the package is built from, weights included"


def test_it_installs_torch_for_cpus_in_the_version_of_the_project() -> None:
    installs = [given for given in arguments("RUN") if "pip install" in given]
    (wanted,) = (re.search(r"torch==(\d+\.\d+)\.\*", given) for given in installs[:1])
    assert wanted is not None
    assert "https://download.pytorch.org/whl/cpu" in installs[0]
    (ours,) = (one for one in PROJECT["project"]["dependencies"] if one.startswith("torch>="))
    major, minor = wanted[1].split(".")
    assert ours == f"torch>={wanted[1]},<{major}.{int(minor) + 1}"
    assert installs[1] == "pip install .", "with dependencies that torch does not change"


def test_its_python_is_one_of_the_project() -> None:
    bases = [given.split()[0] for given in arguments("FROM")]
    assert len(set(bases)) == 1, "what is built for one is copied into the other"
    version = re.fullmatch(r"python:(3\.\d+)-slim-\w+", bases[0])
    assert version is not None
    named = f"Programming Language :: Python :: {version[1]}"
    assert named in PROJECT["project"]["classifiers"]


def test_it_runs_the_command_as_an_ordinary_user() -> None:
    stage = last_stage()
    user, group = stage["USER"].split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert f"--uid {user}" in stage["RUN"]
    assert json.loads(stage["ENTRYPOINT"])[0] in PROJECT["project"]["scripts"]
    assert stage["HEALTHCHECK"] == "NONE"
    folders = dict(re.findall(r"(XDG_\w+)=(\S+)", stage["ENV"]))
    assert set(json.loads(stage["VOLUME"])) == set(folders.values()) == {"/cache", "/config"}
    assert set(folders) == {"XDG_CACHE_HOME", "XDG_CONFIG_HOME"}
