"""A speaker: name, speech, face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Speaker:
    """A speaker: which speech, and which face of the target."""

    name: str  # as in spans; "" for a single speaker
    audio: Path | None = None  # the speech, with spans on the target's timeline; None: `audio`'s
    face: str = "largest"  # see `LandmarkOptions.face`

    def __post_init__(self) -> None:
        if self.audio is not None:
            object.__setattr__(self, "audio", Path(self.audio))
