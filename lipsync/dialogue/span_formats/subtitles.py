"""SubRip and WebVTT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from lipsync.dialogue.span_formats.cue import Cue
from lipsync.errors import SpansError

_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+(?P<name>[^>]+)>")
_TAGS = re.compile(r"<[^>]*>|\{[^}]*\}")
_MINUS = ("-", "\N{MINUS SIGN}", "\N{EN DASH}")


def parse_subtitles(path: Path, text: str, kind: str) -> Iterator[Cue]:
    """Cues of SubRip (`srt`) or WebVTT (`vtt`).

    Raises:
        SpansError: a cue has no two times, or times that cannot be.
    """
    import pysubs2
    from pysubs2.formats import get_format_class

    stamp = get_format_class(kind).TIMESTAMP  # type: ignore[attr-defined]
    timed = [(i, line) for i, line in enumerate(text.split("\n"), 1) if "-->" in line]
    for cue, (number, line) in enumerate(timed, 1):
        fault = _fault_of_times(line, stamp)
        if fault:
            place = f"line {number} (cue {cue})"
            raise SpansError(f"{path}: {place} {fault}: {line.strip()!r}")
    cues = pysubs2.SSAFile.from_string(text, format_=kind, keep_html_tags=True)
    for number, event in enumerate(cues, 1):
        voice = _VOICE.match(event.text.strip()) if kind == "vtt" else None
        yield Cue(
            Fraction(event.start, 1000),
            Fraction(event.end, 1000),
            speaker=voice["name"].strip() if voice else None,
            audio=None,
            text=_TAGS.sub("", event.text).strip(),
            name=f"{path.name} cue {number}",
        )


def _fault_of_times(line: str, stamp: re.Pattern[str]) -> str:
    """What is wrong with the two times of a cue; empty: nothing.

    The parser looks for times anywhere in the line: it overlooks a sign, or a third digit of hours.
    """
    found = list(stamp.finditer(line))
    if len(found) != 2:
        return "has no two times"
    for one in found:
        before = line[: one.start()]
        if before.rstrip().endswith(_MINUS):
            return "has a time below zero"
        if before[-1:].isdigit() or before[-1:] == ":":
            return "has a time of 100 hours or more, which is beyond the format"
    return ""
