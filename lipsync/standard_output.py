"""Standard output as a place for a finished stream."""

from __future__ import annotations

import hashlib
import sys


class StandardOutput:
    """Passes bytes on to standard output and remembers their hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._bytes = getattr(sys.stdout, "buffer", None)

    def write(self, piece: bytes) -> None:
        """Write all of them, now.

        Raises:
            OSError: nobody reads any more.
        """
        if self._bytes is None:
            raise OSError("standard output takes no bytes here")
        self._bytes.write(piece)
        self._bytes.flush()
        self._hash.update(piece)

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._hash.hexdigest()
