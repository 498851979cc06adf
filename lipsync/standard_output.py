"""Standard output as a place for a finished stream."""

from __future__ import annotations

import hashlib
import sys


class StandardOutput:
    """Passes bytes on to standard output and remembers their hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        """Write all of them, now.

        Raises:
            OSError: nobody reads any more.
        """
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        self._hash.update(piece)

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._hash.hexdigest()
