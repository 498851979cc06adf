"""What is heard in an output."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from lipsync.media.ffmpeg_process import url


@dataclass(frozen=True)
class Soundtrack:
    """The first sound stream of a file, from the file's start on."""

    path: Path
    ends: Fraction | None = (
        None  # seconds of the output after which it is cut; None: it is heard whole
    )
    # Seconds of the file that are over when the output begins; silence fills what is missing there.
    # None: the stream is left as it lies in the file.
    skipped: Fraction | None = None

    def stream(self) -> Any:
        """ffmpeg's stream of it."""
        skipped = self.skipped or Fraction(0)
        cut = {} if self.ends is None else {"t": f"{float(self.ends + skipped):.6f}"}
        late = {"itsoffset": f"{float(-skipped):.6f}"} if skipped else {}
        stream = ffmpeg.input(url(self.path), **cut, **late)["a:0"]
        if self.copyable:
            return stream
        return stream.filter("aresample", first_pts=0, **{"async": 1})

    @property
    def copyable(self) -> bool:
        """Nothing is done to its samples."""
        return self.skipped is None
