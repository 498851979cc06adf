"""What pyproject.toml cannot say: wheel and sdist know the commit that they were built from.

LIPSYNC_COMMIT names it where there is no git, as in the build of a container.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
COMMIT = runpy.run_path(str(ROOT / "lipsync" / "runtime" / "commit.py"))
FILE = Path("lipsync", str(COMMIT["FILE"]))


def write_commit(folder: Path) -> None:
    """Write the commit into a package that is being built, if it is known."""
    given = os.environ.get("LIPSYNC_COMMIT", "")
    commit = given if COMMIT["COMMIT"].fullmatch(given) else COMMIT["find_commit"](ROOT / "lipsync")
    if commit is not None:
        place = folder / FILE
        place.unlink(missing_ok=True)  # it may be a link to the one in the checkout
        place.write_text(f"{commit}\n", "utf-8")


class BuildWithCommit(build_py):
    """Copies the modules, and writes the commit among them."""

    def run(self) -> None:
        """Build, unless modules are used where they are."""
        super().run()
        if not self.editable_mode:
            write_commit(Path(self.build_lib))


class SdistWithCommit(sdist):
    """Packs the sources, and the commit with them."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Copy the sources."""
        super().make_release_tree(base_dir, files)
        write_commit(Path(base_dir))


setup(cmdclass={"build_py": BuildWithCommit, "sdist": SdistWithCommit})
