"""A speaker: name, speech, face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lipsync.errors import OptionsError
from lipsync.types.paths import as_path


@dataclass(frozen=True)
class Speaker:
    """A speaker: which speech, and which face of the target.

    Raises:
        OptionsError: the name or the face is no text, or the speech no path.
    """

    name: str  # as in spans; "" for a single speaker
    audio: Path | None = None  # the speech, with spans on the target's timeline; None: `audio`'s
    face: str = "largest"  # see `LandmarkOptions.face`

    def __post_init__(self) -> None:
        for key in ("name", "face"):
            if not isinstance(getattr(self, key), str):
                raise OptionsError(f"speaker: wanted a text as {key}, got {getattr(self, key)!r}")
        if self.audio is not None:
            object.__setattr__(self, "audio", as_path(self.audio, f"speaker {self.name!r}"))
