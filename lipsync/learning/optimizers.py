"""torch's optimizers without what they leave on the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMPILER_FOLDER = "TORCHINDUCTOR_CACHE_DIR"


@contextmanager
def no_compiler_folder() -> Iterator[None]:
    """Make optimizers inside: the first one loads torch's compiler, which nothing here uses.

    It makes its folder among the temporary files at once, `torchinductor_USER`, and notes its place
    in the environment. Empty, it goes again; torch makes it anew where it is needed.
    """
    named_by_user = COMPILER_FOLDER in os.environ
    try:
        yield
    finally:
        if not named_by_user and (folder := os.environ.pop(COMPILER_FOLDER, None)) is not None:
            with contextlib.suppress(OSError):  # it is not empty: others compile
                Path(folder).rmdir()
