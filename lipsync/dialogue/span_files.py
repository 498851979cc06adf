"""Spans read from files: SubRip, WebVTT, or the JSON of speech recognizers."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from lipsync.dialogue.spans import Span, format_time, parse_time
from lipsync.errors import SpansError

_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+(?P<name>[^>]+)>")
_TAGS = re.compile(r"<[^>]*>|\{[^}]*\}")
# Longer ones first: the mark of UTF-32 (LE) begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MINUS = ("-", "\N{MINUS SIGN}", "\N{EN DASH}")


def read_spans(path: Path, notes: list[str] | None = None) -> list[Span]:
    """Read the spans of a .srt, .vtt or .json file, in the file's order.

    A file without a suffix, as a pipe, is what it looks like. Spans of no length are left out.

    Args:
        notes: gets a warning for what was left out.

    Raises:
        SpansError: missing, in no known encoding or format, damaged, or without any span.
    """
    readers: dict[str, Callable[[Path, str, str], Iterator[_Cue]]] = {
        ".srt": _parse_subtitles,
        ".vtt": _parse_subtitles,
        ".json": _parse_json,
    }
    kind = path.suffix.lower()
    if kind and kind not in readers:
        raise SpansError(f"{path}: spans are read from .srt, .vtt or .json files")
    text = _read_text(path)
    kind = kind or _guess_kind(text)
    found = list(readers[kind](path, text, kind))
    spans = [cue.span() for cue in found if cue.start != cue.end]
    if not found:
        raise SpansError(f"{path}: there is no span in it")
    if not spans:
        raise SpansError(f"{path}: there is no span in it that lasts: all end where they begin")
    if len(spans) < len(found) and notes is not None:
        first = next(cue for cue in found if cue.start == cue.end)
        count = len(found) - len(spans)
        what = "a span of no length was" if count == 1 else f"{count} spans of no length were"
        notes.append(
            f"{path}: {what} left out (the first: {first.name} at {format_time(first.start)})"
        )
    return spans


@dataclass(frozen=True)
class _Cue:
    """What a file says of a span, before it is known to be one."""

    start: Fraction
    end: Fraction
    speaker: str | None
    audio: Path | None
    text: str
    name: str

    def span(self) -> Span:
        return Span(self.start, self.end, self.speaker, self.audio, self.text, self.name)


def _guess_kind(text: str) -> str:
    begins = text.lstrip()[:6]
    return ".vtt" if begins == "WEBVTT" else ".json" if begins[:1] in ("[", "{") else ".srt"


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


def _parse_subtitles(path: Path, text: str, kind: str) -> Iterator[_Cue]:
    """Cues of SubRip or WebVTT."""
    import pysubs2
    from pysubs2.formats import get_format_class

    kind = kind[1:]
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
        yield _Cue(
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


class _Entry(BaseModel):
    """One span in JSON; other keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    start: Annotated[Fraction, BeforeValidator(parse_time)]
    end: Annotated[Fraction, BeforeValidator(parse_time)]
    speaker: str | None = None
    audio: str | None = None
    text: str = ""


def _parse_json(path: Path, text: str, _kind: str) -> Iterator[_Cue]:
    """Spans of a list of objects, bare or under `segments` (the format of speech recognizers)."""
    try:
        values: Any = json.loads(text)
    except ValueError as error:
        raise SpansError(f"{path}: is not JSON: {error}") from None
    except RecursionError:
        raise SpansError(f"{path}: too many brackets within one another") from None
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
        yield _Cue(entry.start, entry.end, entry.speaker, audio, entry.text, name)
