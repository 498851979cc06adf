"""The sound of an output."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from lipsync.media.ffmpeg_process import url


@dataclass(frozen=True)
class Soundtrack:
    """The first sound stream of a file, on the time line of the output."""

    path: Path
    ends: Fraction | None = None  # seconds of the output at which it is cut; None: not at all
    # Seconds of the file before the output begins; missing sound is filled with silence.
    # None: the stream keeps its own timestamps.
    start_offset: Fraction | None = None

    def stream(self) -> Any:
        """The ffmpeg stream."""
        start_offset = self.start_offset or Fraction(0)
        cut = {} if self.ends is None else {"t": f"{float(self.ends + start_offset):.6f}"}
        late = {"itsoffset": f"{float(-start_offset):.6f}"} if start_offset else {}
        stream = ffmpeg.input(url(self.path), **cut, **late)["a:0"]
        if self.copyable:
            return stream
        return stream.filter("aresample", first_pts=0, **{"async": 1})

    @property
    def copyable(self) -> bool:
        """Its samples are not modified."""
        return self.start_offset is None
