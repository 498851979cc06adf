"""Spans of the target in which somebody speaks: SubRip, WebVTT, JSON, or one segment.

Who speaks stands in the cue: `<v NAME>` in WebVTT, `[NAME]` or `NAME:` before the text in either;
in JSON it has a key of its own. Times of files are exact fractions of a second.
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
from lipsync.runtime.option_spec import options

_SECONDS = re.compile(r"(?P<s>\d+(?:[.,]\d+)?)\s*s?")
_CLOCK = re.compile(r"(?:(?P<h>\d+):)?(?P<m>\d{1,2}):(?P<s>\d{1,2}(?:[.,]\d+)?)")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+(?P<name>[^>]+)>")
_TAGS = re.compile(r"<[^>]*>|\{[^}]*\}")
_BRACKETS = re.compile(r"\[(?P<name>[^\]\n]{1,40})\]")
_COLON = re.compile(r"(?:-\s*)?(?P<name>[^:\n]{1,40}?)\s*:(?=\s|$|\\N)")
# The longer ones first: each mark of UTF-32 (LE) begins like one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@options
class SpanOptions:
    """How spans of new speech are set into the target."""

    span_fade: Annotated[float, Field(ge=0, le=2)] = 0.12
    """Seconds over which the new mouth comes in a span's beginning and goes at its end."""


@dataclass(frozen=True)
class Span:
    """A stretch of the target in which somebody speaks.

    Raises:
        SpansError: it does not end after it begins.
    """

    start: Fraction  # seconds of the target
    end: Fraction
    speaker: str | None = None  # None: the only one
    audio: Path | None = None  # that is heard from `start` on; None: the speaker's own, in time
    text: str = ""  # as far as it tells who speaks
    name: str = "span"  # of the cue, for messages

    def __post_init__(self) -> None:
        for key in ("start", "end"):
            object.__setattr__(self, key, Fraction(getattr(self, key)))
        if self.audio is not None:
            object.__setattr__(self, "audio", Path(self.audio))
        if not 0 <= self.start < self.end:
            raise SpansError(f"{self}: has to end after it begins, and begin at 0 or later")

    def __str__(self) -> str:
        return f"{self.name} ({clock(self.start)} to {clock(self.end)})"


def clock(seconds: Fraction) -> str:
    """0:07.250, 1:02:03.000."""
    ms = round(seconds * 1000)
    hours, minutes = ms // 3_600_000, ms // 60_000 % 60
    rest = f"{ms // 1000 % 60:02d}.{ms % 1000:03d}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def time_of(value: object) -> Fraction:
    """Seconds of a number, `10s`, `1:02.5` or `00:00:10,500`.

    Raises:
        ValueError: it is none of these.
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


def segment(text: str) -> Span:
    """One span, as `10s-25s`.

    Raises:
        SpansError: it is not written so.
    """
    start, dash, end = text.partition("-")
    try:
        if not dash:
            raise ValueError("wanted START-END, as 10s-25s")
        return Span(time_of(start), time_of(end), name=f"segment {text}")
    except ValueError as error:
        raise SpansError(f"segment {text!r}: {error}") from None


def read_spans(path: Path) -> list[Span]:
    """The spans of a .srt, .vtt or .json file, in its own order.

    Raises:
        SpansError: it is missing, in no known encoding or format, damaged, or holds no span.
    """
    kind = path.suffix.lower()
    readers = {".srt": _subtitles, ".vtt": _subtitles, ".json": _json}
    if kind not in readers:
        raise SpansError(f"{path}: spans are read from .srt, .vtt or .json files")
    found = list(readers[kind](path, _text_of(path)))
    if not found:
        raise SpansError(f"{path}: there is no span in it")
    return found


def _text_of(path: Path) -> str:
    """The text of a file: UTF-8, or what its byte order mark says."""
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


def _subtitles(path: Path, text: str) -> Iterator[Span]:
    """Cues of SubRip or WebVTT."""
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


def spoken_by(span: Span, known: tuple[str, ...]) -> str | None:
    """Who a cue says that it is spoken by; None if it does not say.

    `[NAME]` and `NAME:` tell it of a known name. A name that is not known counts if it is in
    capitals or nearly a known one: it would be spoken by the wrong mouth otherwise.
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
    """One span as JSON holds it; whatever else a pipeline writes there is not ours."""

    model_config = ConfigDict(extra="ignore")

    start: Annotated[Fraction, BeforeValidator(time_of)]
    end: Annotated[Fraction, BeforeValidator(time_of)]
    speaker: str | None = None
    audio: str | None = None
    text: str = ""


def _json(path: Path, text: str) -> Iterator[Span]:
    """A list of objects, alone or as `segments` of an object (as speech recognisers write it)."""
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
