"""What is heard in an output."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from lipsync.media.process import url


@dataclass(frozen=True)
class Soundtrack:
    """The first sound stream of a file, from the file's start on."""

    path: Path
    ends: Fraction | None = None  # seconds after which it is cut; None: it is heard whole

    def stream(self) -> Any:
        """ffmpeg's stream of it."""
        length = {} if self.ends is None else {"t": f"{float(self.ends):.6f}"}
        return ffmpeg.input(url(self.path), **length)["a:0"]
