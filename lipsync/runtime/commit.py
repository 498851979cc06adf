"""The commit that this program was made from: written down when it is built, else asked of git.

`setup.py` runs this file alone, before anything is installed: it imports nothing of ours at its
head.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# In a built package it holds the commit, in an archive of git's too (.gitattributes). In a checkout
# it holds what git replaces.
FILE = "_commit.txt"
COMMIT = re.compile(r"[0-9a-f]{7,40}(-dirty)?")
ANSWER_S = 5.0  # for git
DISTRIBUTION = "lipsync-render"


def find_commit(package: Path = PACKAGE) -> str | None:
    """The commit of the program in a folder, short, with -dirty if files were changed since.

    None: it is not known.

    Args:
        package: the folder of the package.
    """
    return read_commit(package / FILE) or ask_git(package.parent)


def read_commit(file: Path) -> str | None:
    """The commit that a build wrote down; None: none did."""
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    return text if COMMIT.fullmatch(text) else None


def ask_git(root: Path) -> str | None:
    """The commit that a folder is a checkout of; None: it is none of lipsync, or there is no git.

    The folder has to be the checkout's own: an environment inside of somebody's repository is not.
    """
    try:
        project = (root / "pyproject.toml").read_text("utf-8")
    except (OSError, ValueError):
        return None
    if f'name = "{DISTRIBUTION}"' not in project or not (root / ".git").exists():
        return None
    # In a hook of another repository these would name that one.
    environment = {key: value for key, value in os.environ.items() if key[:4] != "GIT_"}
    words = ("describe", "--always", "--dirty", "--abbrev=7", "--exclude=*")
    try:
        told = subprocess.run(  # noqa: S603 — a list, no shell
            ["git", "-C", str(root), *words],  # noqa: S607 — wherever it is installed
            capture_output=True,
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    text = told.stdout.decode("ascii", "replace").strip()
    return text if COMMIT.fullmatch(text) else None


def describe_version() -> str:
    """Version and commit: 1.0.0 (abc1234)."""
    from lipsync._version import __version__

    commit = find_commit()
    return f"{__version__} ({commit})" if commit else __version__
