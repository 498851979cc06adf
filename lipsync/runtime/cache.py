"""Cached results on disk, under a hash of what they were computed from and of the code that did.

The folder follows the platform's conventions (XDG_CACHE_HOME on Linux). Entries appear complete or
not at all. Deleting the folder is always safe.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs


class Cache:
    """A folder of entries, or (root None) a temporary one that is removed at the end.

    Use with `with`.
    """

    def __init__(self, root: Path | None) -> None:
        self._temporary = root is None
        self.root = Path(tempfile.mkdtemp(prefix="lipsync-")) if root is None else root

    @staticmethod
    def default_root() -> Path:
        """The user's cache folder for lipsync."""
        return platformdirs.user_cache_path("lipsync")

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._temporary:
            shutil.rmtree(self.root, ignore_errors=True)

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A temporary folder for one job."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="job-", dir=self.root) as folder:
            yield Path(folder)

    def folder(
        self, kind: str, key: dict[str, Any], make: Callable[[Path], None], *, code: str
    ) -> Path:
        """The folder holding the entry for `key`; `make(folder)` fills it if there is none.

        Args:
            kind: what is stored, e.g. "faces".
            key: JSON-able facts that determine the content.
            make: computes the content.
            code: digest of the code that computes it, see `digest_code`.
        """
        text = json.dumps({"code": code, **key}, sort_keys=True, default=str)
        entry = self.root / kind / hashlib.sha256(text.encode()).hexdigest()[:32]
        if entry.is_dir():
            return entry
        entry.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=entry.name, suffix=".part", dir=entry.parent))
        try:
            make(making)
            (making / "key.json").write_text(text)
            try:
                making.rename(entry)
            except OSError:
                # Another process was faster to finish the same entry: its content is the same.
                if not entry.is_dir():
                    raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return entry
