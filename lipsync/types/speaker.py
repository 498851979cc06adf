"""Who speaks what, with which face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Speaker:
    """Somebody who speaks: what, and with which face of the target."""

    name: str  # as spans call them; "" where there is only one
    audio: Path | None = None  # the speech; with spans on the target's time line. None: `audio`'s
    face: str = "largest"  # see `LandmarkOptions.face`

    def __post_init__(self) -> None:
        if self.audio is not None:
            object.__setattr__(self, "audio", Path(self.audio))
