"""Standard output as the destination of a stream."""

from __future__ import annotations

import hashlib
import sys


class StdoutSink:
    """Writes bytes to standard output and computes their hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        buffer = getattr(sys.stdout, "buffer", None)
        # Unbuffered: nothing is left to flush at exit after the reader has gone.
        self._raw = getattr(buffer, "raw", buffer)

    def write(self, piece: bytes) -> None:
        """Write all bytes immediately.

        Raises:
            OSError: the reader has gone.
        """
        if self._raw is None:
            raise OSError("standard output takes no bytes here")
        rest = memoryview(piece)
        while rest:
            rest = rest[self._raw.write(rest) :]
        self._hash.update(piece)

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of everything written."""
        return self._hash.hexdigest()
