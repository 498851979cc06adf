"""Spans of the target with new speech: SubRip, WebVTT, JSON, or one segment.

A cue names its speaker: `<v NAME>` in WebVTT, `[NAME]` or `NAME:` before the text in SubRip and
WebVTT; JSON has a key for it. Times read from files are exact fractions of a second.
"""

from __future__ import annotations

import codecs
import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from lipsync.errors import SpansError
from lipsync.runtime.option_spec import option_group

_SECONDS = re.compile(r"(?P<s>\d+(?:[.,]\d+)?)\s*s?")
_CLOCK = re.compile(r"(?:(?P<h>\d+):)?(?P<m>\d{1,2}):(?P<s>\d{1,2}(?:[.,]\d+)?)")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+(?P<name>[^>]+)>")
_TAGS = re.compile(r"<[^>]*>|\{[^}]*\}")
_BRACKETS = re.compile(r"\[(?P<name>[^\]\n]{1,40})\]")
_COLON = re.compile(r"(?:-\s*)?(?P<name>[^:\n]{1,40}?)\s*:(?=\s|$|\\N)")
# Longer ones first: the mark of UTF-32 (LE) begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@option_group
class SpanOptions:
    """How spans of new speech are blended into the target."""

    span_fade: Annotated[float, Field(ge=0, le=2)] = 0.12
    """Seconds over which the new mouth comes in a span's beginning and goes at its end."""


@dataclass(frozen=True)
class Span:
    """A span of the target with new speech.

    Raises:
        SpansError: the end is not after the start, or the start is negative.
    """

    start: Fraction  # seconds of the target
    end: Fraction
    speaker: str | None = None  # None: the only speaker
    audio: Path | None = None  # played from `start` on; None: the speaker's file, in output time
    text: str = ""  # of the cue, which may name the speaker
    name: str = "span"  # of the cue, for messages

    def __post_init__(self) -> None:
        for key in ("start", "end"):
            object.__setattr__(self, key, Fraction(getattr(self, key)))
        if self.audio is not None:
            object.__setattr__(self, "audio", Path(self.audio))
        if not 0 <= self.start < self.end:
            raise SpansError(f"{self}: has to end after it begins, and begin at 0 or later")

    def __str__(self) -> str:
        return f"{self.name} ({format_time(self.start)} to {format_time(self.end)})"


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
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = repr(value)
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


def read_spans(path: Path) -> list[Span]:
    """Read the spans of a .srt, .vtt or .json file, in the file's order.

    Raises:
        SpansError: missing, in no known encoding or format, damaged, or without any span.
    """
    kind = path.suffix.lower()
    readers = {".srt": _parse_subtitles, ".vtt": _parse_subtitles, ".json": _parse_json}
    if kind not in readers:
        raise SpansError(f"{path}: spans are read from .srt, .vtt or .json files")
    found = list(readers[kind](path, _read_text(path)))
    if not found:
        raise SpansError(f"{path}: there is no span in it")
    return found


def _read_text(path: Path) -> str:
    """Read a text file: UTF-8, or the encoding of its byte order mark."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpansError(f"{path}: cannot be read ({error.strerror or error})") from None
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpansError(
            f"{path}: line {line} is not {encoding.upper()}: save the file as UTF-8"
        ) from None


def _parse_subtitles(path: Path, text: str) -> Iterator[Span]:
    """Spans of the cues of SubRip or WebVTT."""
    import pysubs2
    from pysubs2.formats import get_format_class

    kind = path.suffix.lower()[1:]
    stamp = get_format_class(kind).TIMESTAMP  # type: ignore[attr-defined]
    for number, line in enumerate(text.split("\n"), 1):
        if "-->" in line and len(stamp.findall(line)) != 2:
            raise SpansError(f"{path}: line {number} has no two times: {line.strip()!r}")
    cues = pysubs2.SSAFile.from_string(text, format_=kind, keep_html_tags=True)
    for number, cue in enumerate(cues, 1):
        name = f"{path.name} cue {number}"
        voice = _VOICE.match(cue.text.strip()) if kind == "vtt" else None
        yield Span(
            Fraction(cue.start, 1000),
            Fraction(cue.end, 1000),
            speaker=voice["name"].strip() if voice else None,
            text=_TAGS.sub("", cue.text).strip(),
            name=name,
        )


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


class _Entry(BaseModel):
    """One span in JSON; other keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    start: Annotated[Fraction, BeforeValidator(parse_time)]
    end: Annotated[Fraction, BeforeValidator(parse_time)]
    speaker: str | None = None
    audio: str | None = None
    text: str = ""


def _parse_json(path: Path, text: str) -> Iterator[Span]:
    """Spans of a list of objects, bare or under `segments` (the format of speech recognizers)."""
    try:
        values: Any = json.loads(text)
    except ValueError as error:
        raise SpansError(f"{path}: is not JSON: {error}") from None
    if isinstance(values, dict):
        values = values.get("segments")
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = [*first["loc"]]
        where = f"entry {int(place[0]) + 1}" if place else "the file"
        key = f" {place[1]!r}" if len(place) > 1 else ""
        raise SpansError(f"{path}: {where}{key}: {first['msg'].lower()}") from None
    for number, entry in enumerate(entries, 1):
        audio = path.parent / Path(entry.audio).expanduser() if entry.audio else None
        name = f"{path.name} entry {number}"
        yield Span(entry.start, entry.end, entry.speaker, audio, entry.text, name)
