"""Spans of the target with new speech, their times, and whom a cue names.

A cue names its speaker: `<v NAME>` in WebVTT, `[NAME]` or `NAME:` before the text in SubRip and
WebVTT; JSON has a key for it, TTML its agents. Times read from files are exact fractions of a
second.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from lipsync.errors import SpansError
from lipsync.runtime.option_spec import option_group
from lipsync.types import as_path

_SECONDS = re.compile(r"(?P<s>\d+(?:[.,]\d+)?)\s*s?")
_CLOCK = re.compile(r"(?:(?P<h>\d+):)?(?P<m>\d{1,2}):(?P<s>\d{1,2}(?:[.,]\d+)?)")
_BRACKETS = re.compile(r"\[(?P<name>[^\]\n]{1,40})\]")
_COLON = re.compile(r"(?:-\s*)?(?P<name>[^:\n]{1,40}?)\s*:(?=\s|$|\\N)")


@option_group
class SpanOptions:
    """How spans of new speech are blended into the target."""

    span_fade: Annotated[float, Field(ge=0, le=2)] = 0.12
    """Seconds over which the new mouth comes in a span's beginning and goes at its end."""


@dataclass(frozen=True)
class Span:
    """A span of the target with new speech.

    Raises:
        SpansError: no times, the end is not after the start, or the start is negative.
    """

    start: Fraction  # seconds of the target
    end: Fraction
    speaker: str | None = None  # None: the only speaker
    audio: Path | None = None  # played from `start` on; None: the speaker's file, in output time
    text: str = ""  # of the cue, which may name the speaker
    name: str = "span"  # of the cue, for messages

    def __post_init__(self) -> None:
        for key in ("start", "end"):
            object.__setattr__(self, key, _as_seconds(getattr(self, key), key, self.name))
        if self.audio is not None:
            object.__setattr__(self, "audio", as_path(self.audio, f"{self.name}: its audio"))
        if not 0 <= self.start < self.end:
            raise SpansError(f"{self}: has to end after it begins, and begin at 0 or later")

    def __str__(self) -> str:
        return f"{self.name} ({format_time(self.start)} to {format_time(self.end)})"


def _as_seconds(value: Any, key: str, name: str) -> Fraction:
    """A number of seconds of whatever type (NumPy's too), or a text of one."""
    try:
        if isinstance(value, str):
            return parse_time(value)
        known = isinstance(value, int | float | Fraction | Decimal) and not isinstance(value, bool)
        return Fraction(value if known else float(value))
    except (TypeError, ValueError, OverflowError):
        raise SpansError(f"{name}: wanted the {key} in seconds, got {value!r}") from None


def format_time(seconds: Fraction) -> str:
    """Format seconds as 0:07.250 or 1:02:03.000."""
    ms = round(seconds * 1000)
    hours, minutes = ms // 3_600_000, ms // 60_000 % 60
    rest = f"{ms // 1000 % 60:02d}.{ms % 1000:03d}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def parse_time(value: object) -> Fraction:
    """Parse a number of seconds, `10s`, `1:02.5` or `00:00:10,500`.

    Raises:
        ValueError: none of these.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    finite = not isinstance(value, float) or math.isfinite(value)
    if number and finite and value >= 0:  # type: ignore[operator]
        return Fraction(repr(value))  # 0.1 is a tenth; 5e-05 is a number too
    text = str(value).strip()
    plain, clocked = _SECONDS.fullmatch(text), _CLOCK.fullmatch(text)
    if plain:
        return Fraction(plain["s"].replace(",", "."))
    if clocked:
        minutes = int(clocked["h"] or 0) * 60 + int(clocked["m"])
        return minutes * 60 + Fraction(clocked["s"].replace(",", "."))
    raise ValueError(f"{value!r} is no time: write 10s, 1:02.5 or 00:00:10,500")


def parse_segment(text: str) -> Span:
    """Parse one span, as `10s-25s`.

    Raises:
        SpansError: another format.
    """
    start, dash, end = text.partition("-")
    try:
        if not dash:
            raise ValueError("wanted START-END, as 10s-25s")
        return Span(parse_time(start), parse_time(end), name=f"segment {text}")
    except ValueError as error:
        raise SpansError(f"segment {text!r}: {error}") from None


def cue_speaker(span: Span, known: tuple[str, ...]) -> str | None:
    """The speaker that a cue names; None if it names none.

    `[NAME]` and `NAME:` count for a known name. An unknown name counts if it is in capitals or
    close to a known one: a typing error must not give the line to the wrong mouth.
    """
    if span.speaker is not None:
        return span.speaker
    prefix = _BRACKETS.match(span.text) or _COLON.match(span.text)
    if prefix is None:
        return None
    name = prefix["name"].strip()
    near = difflib.get_close_matches(
        name.casefold(), [one.casefold() for one in known], n=1, cutoff=0.75
    )
    return name if near or name.isupper() else None
