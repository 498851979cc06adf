"""What a file says of a span, before it is known to be one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lipsync.dialogue.spans import Span
from lipsync.errors import OptionsError, SpansError


@dataclass(frozen=True)
class Cue:
    """A span as it stands in a file; it may be of no length."""

    start: Fraction  # seconds
    end: Fraction
    speaker: str | None
    audio: Path | None
    text: str
    name: str  # for messages

    def span(self) -> Span:
        """The span.

        Raises:
            SpansError: it does not end after it begins, or its sound has no name of a file.
        """
        try:
            return Span(self.start, self.end, self.speaker, self.audio, self.text, self.name)
        except OptionsError as error:  # the file is at fault, not an option
            raise SpansError(str(error)) from None
