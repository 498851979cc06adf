"""Standard output as a place for a finished stream."""

from __future__ import annotations

import hashlib
import sys


class StandardOutput:
    """Passes bytes on to standard output and remembers their hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        buffer = getattr(sys.stdout, "buffer", None)
        # Unbuffered: nothing is left to be flushed at the program's end when the reader has gone.
        self._raw = getattr(buffer, "raw", buffer)

    def write(self, piece: bytes) -> None:
        """Write all of them, now.

        Raises:
            OSError: nobody reads any more.
        """
        if self._raw is None:
            raise OSError("standard output takes no bytes here")
        rest = memoryview(piece)
        while rest:
            rest = rest[self._raw.write(rest) :]
        self._hash.update(piece)

    @property
    def sha256(self) -> str:
        """Of all that was written."""
        return self._hash.hexdigest()
