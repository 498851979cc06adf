"""Files of this machine that clients may name: those under the folders the operator opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lipsync.errors import InputError
from lipsync.jobs.service.refusal import Refusal


@dataclass(frozen=True)
class Roots:
    """The folders that are open to clients, with no link in their names."""

    folders: tuple[Path, ...] = ()

    @staticmethod
    def of(folders: Sequence[Path]) -> Roots:
        """These folders.

        Raises:
            InputError: one of them is none.
        """
        for folder in folders:
            if not folder.is_dir():
                raise InputError(f"--root {folder}: is no folder")
        return Roots(tuple(folder.resolve() for folder in folders))

    def find(self, name: str, what: str) -> Path:
        """The file of a name: absolute, or relative to one of the folders.

        Raises:
            Refusal: there is none inside the folders, links followed. Whether there is one outside
                is not told.
        """
        for folder in self.folders:
            try:
                path = (folder / name).resolve(strict=True)
                if path.is_relative_to(folder) and path.is_file():
                    return path
            except (OSError, ValueError, RuntimeError):  # noqa: PERF203
                continue  # no file, a zero byte, a circle of links
        raise Refusal(400, "path_not_found", f"{what}: no such file in the folders of the service")


def local_name(url: str) -> str | None:
    """The path that a file:// URL names; None: it is another URL."""
    if not url.lower().startswith("file:"):
        return None
    parts = urlsplit(url)
    return unquote(parts.path) if parts.netloc in ("", "localhost") else ""
