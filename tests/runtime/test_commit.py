"""The commit of the program: from the build, from git, or not at all; never an error."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lipsync._version import __version__
from lipsync.runtime import commit
from lipsync.runtime.commit import FILE, PACKAGE, describe_version, find_commit

REPO = Path(__file__).resolve().parents[2]
if shutil.which("git") is None:
    pytest.skip("git is not installed", allow_module_level=True)


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with what of this project decides the commit; its package's folder."""
    root = tmp_path / "check out"
    (root / "lipsync").mkdir(parents=True)
    for name in ("pyproject.toml", ".gitattributes", f"lipsync/{FILE}"):
        shutil.copy(REPO / name, root / name)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "All of it")
    return root / "lipsync"


def test_a_checkout_tells_its_commit_and_whether_files_were_changed(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "--short=7", "HEAD")
    assert find_commit(checkout) == head
    project = checkout.parent / "pyproject.toml"
    project.write_text(project.read_text() + "\n# changed\n")
    assert find_commit(checkout) == f"{head}-dirty"


def test_the_file_in_the_repository_holds_what_git_replaces() -> None:
    assert (PACKAGE / FILE).read_text() == "$Format:%h$\n"
    assert commit.read_commit(PACKAGE / FILE) is None


def test_an_archive_of_git_knows_its_commit(checkout: Path, tmp_path: Path) -> None:
    archive, away = tmp_path / "archive.tar", tmp_path / "away"
    git(checkout.parent, "archive", "--output", str(archive), "HEAD")
    with tarfile.open(archive) as file:
        packed = file.extractfile(f"lipsync/{FILE}")
        assert packed is not None
        away.mkdir()
        (away / FILE).write_bytes(packed.read())
    assert git(checkout, "rev-parse", "HEAD").startswith(find_commit(away) or "none")


def test_what_a_build_wrote_goes_before_git(checkout: Path) -> None:
    (checkout / FILE).write_text("0123abc\n")
    assert find_commit(checkout) == "0123abc"


@pytest.mark.parametrize("written", ["", "$Format:%h$", "0123ab", "main", "0123abc; rm", "\udcff"])
def test_what_is_no_commit_is_not_told_as_one(tmp_path: Path, written: str) -> None:
    (tmp_path / FILE).write_bytes(written.encode("utf-8", "surrogateescape"))
    assert find_commit(tmp_path) is None


def test_somebody_elses_repository_is_not_ours(checkout: Path) -> None:
    inside = checkout / "site-packages" / "lipsync"  # an environment inside of a checkout
    inside.mkdir(parents=True)
    assert find_commit(inside) is None
    (checkout.parent / "pyproject.toml").write_text('[project]\nname = "other"\n')
    assert find_commit(checkout) is None


def test_a_hook_of_another_repository_does_not_mislead(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = find_commit(checkout)
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert head is not None
    assert find_commit(checkout) == head


def test_without_git_there_is_only_the_version(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_commit(checkout) is None
    monkeypatch.setattr(commit, "find_commit", lambda: None)
    assert describe_version() == __version__


def test_a_git_that_hangs_or_fails_costs_only_the_commit(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "git"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(commit, "ANSWER_S", 0.2)
    for script in ("exec sleep 20", "exit 128", "printf 'no \\377 commit'"):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        assert find_commit(checkout) is None
